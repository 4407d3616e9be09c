"""Parses JSON that a student made, where readers of lesser strictness differ in what it says. Knows no adapter."""

import json
from typing import NoReturn


def parse_strict(text: str | bytes) -> object:
    """Parse JSON without names that are there twice, and without NaN and Infinity, which are none.

    Raises:
        ValueError: It is something else; the text says what, and may quote it.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a name that is there twice: readers differ in which one counts."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name is there twice")
    return value
