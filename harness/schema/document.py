"""A JSON or YAML file as data that knows the place of each value. Must not know any schema."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.schema.encoding import text_of
from harness.schema.json_scan import find_offsets
from harness.schema.json_text import parse_json
from harness.schema.position import LineColumn, Place, line_column, steps_of
from harness.schema.problem import DocumentError
from harness.schema.yaml_text import parse_yaml

__all__ = ["Document", "DocumentError", "load", "load_json", "load_yaml"]

Finder = Callable[[Iterable[str]], Mapping[str, Place]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's data: dict, list, str, int, float, bool, None.

    Attributes:
        name: The file as the reader knows it.
        data: Its content.
    """

    name: str
    data: Any
    finder: Finder = field(repr=False)

    def places(self, pointers: Iterable[str]) -> Mapping[str, Place]:
        """Find many places at once; what the document does not hold is left out."""
        return self.finder(pointers)

    def locate(self, pointer: str) -> LineColumn:
        """Give the 1-based line and column where the value at a JSON pointer begins.

        Raises:
            KeyError: The document holds no such value.
        """
        return self.finder((pointer,))[pointer].value


def load(path: Path) -> Document:
    """Read a file: YAML if its name ends in .yaml or .yml, else JSON.

    Raises:
        DocumentError: It is no readable JSON or YAML.
        OSError: The file cannot be read.
    """
    reader = load_yaml if path.suffix.lower() in {".yaml", ".yml"} else load_json
    return reader(path.read_bytes(), str(path))


def load_json(content: bytes, name: str) -> Document:
    """Read JSON strictly.

    Args:
        content: The bytes of the file.
        name: The file as the reader knows it.

    Raises:
        DocumentError: It is no JSON in UTF-8, or has NaN, a key twice, too many levels.
    """
    text = text_of(content, name)

    def places(pointers: Iterable[str]) -> dict[str, Place]:
        wanted = {tuple(steps_of(pointer)): pointer for pointer in pointers}
        found = find_offsets(text, wanted)
        return {
            wanted[path]: Place(
                key=None if at.key is None else line_column(text, at.key), value=line_column(text, at.value)
            )
            for path, at in found.items()
            if path in wanted
        }

    return Document(name=name, data=parse_json(text, name), finder=places)


def load_yaml(content: bytes, name: str) -> Document:
    """Read YAML with the types of JSON alone.

    Raises:
        DocumentError: It is no such YAML in UTF-8.
    """
    data, known = parse_yaml(text_of(content, name), name)
    return Document(name=name, data=data, finder=lambda pointers: {one: known[one] for one in pointers if one in known})
