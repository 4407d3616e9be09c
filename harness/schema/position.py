"""JSON pointers, and places in a text as line and column. Knows no file format."""

from collections.abc import Iterable
from dataclasses import dataclass

LineColumn = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a value begins and, if it is the member of an object, where its key begins (1-based line, column)."""

    key: LineColumn | None
    value: LineColumn


def line_column(text: str, offset: int) -> LineColumn:
    """Give the 1-based line and column, in characters, of an offset in a text."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def child(pointer: str, step: str | int) -> str:
    """Extend a JSON pointer by a key or an index (RFC 6901)."""
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def pointer_to(steps: Iterable[str | int]) -> str:
    """Make the JSON pointer of a path of keys and indices."""
    pointer = ""
    for step in steps:
        pointer = child(pointer, step)
    return pointer


def steps_of(pointer: str) -> list[str]:
    """Take a JSON pointer apart; indices stay text."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
