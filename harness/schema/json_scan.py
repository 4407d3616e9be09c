"""Finds offsets in JSON text: of values by pointer, and of things that `json` refuses without saying where.

Everything is linear in the text, keeps no stack that a hostile text could blow up, and believes that the text is
valid JSON up to the offset it looks for. What follows there nobody may have read yet: nothing is looked at twice in it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

# Possessive quantifiers: without them a string of many megabytes costs memory for backtracking. A string without end is
# one up to the end of the text: otherwise each quote in it would be tried as the beginning of another one.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_SCALAR = r'[^\s\[\]{}:,"]++'
_SPACE = re.compile(r"\s*+")
_ATOM = re.compile(f"{_STRING}|{_SCALAR}", re.DOTALL)
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_COMMA = re.compile(f"{_STRING}|,", re.DOTALL)
# What `json` takes as one number or constant, whatever stands behind it.
_LITERAL = re.compile(rf"{_STRING}|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|-?Infinity|NaN", re.DOTALL)
_KEY_OR_BRACKET = re.compile(rf"({_STRING})\s*+(:?)|[\[\]{{}}]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Offsets:
    """Where a value begins and, in an object, where its key begins."""

    key: int | None
    value: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tree of the wanted paths: only these branches of the text are looked into, the others are skipped."""

    path: tuple[str, ...]
    children: "dict[str, _Wanted]" = field(default_factory=dict)


Found = dict[tuple[str, ...], Offsets]


class _AllFoundError(Exception):
    """All that is wanted is found: the rest of the text need not be looked at."""


@dataclass(slots=True)
class _Search:
    wanted: int
    found: Found = field(default_factory=dict)

    def note(self, path: tuple[str, ...], offsets: Offsets) -> None:
        self.found[path] = offsets
        if len(self.found) == self.wanted:
            raise _AllFoundError


def find_offsets(text: str, paths: Iterable[tuple[str, ...]]) -> Found:
    """Find where the values at `paths` begin, in one pass over a valid JSON text that ends with the last of them.

    Args:
        text: Valid JSON without duplicate keys.
        paths: Keys and indices (as text) from the root. What the document does not hold is left out of the result.
    """
    root = _Wanted(())
    wanted = {root.path}
    for path in paths:
        node = root
        for step in path:
            node = node.children.setdefault(step, _Wanted((*node.path, step)))
            wanted.add(node.path)
    search = _Search(len(wanted))
    with suppress(_AllFoundError):
        _visit(text, _next(text, 0), None, node=root, search=search)
    return search.found


def _next(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _visit(text: str, start: int, key: int | None, *, node: _Wanted | None, search: _Search) -> int:
    """Note the value at `start` and look into it if something in it is wanted; give the offset after it.

    Recursion is as deep as the deepest wanted path, not as deep as the text.
    """
    if node is not None:
        search.note(node.path, Offsets(key, start))
    if node is None or not node.children:
        return _skip(text, start)
    match text[start]:
        case "[":
            return _visit_list(text, start, node, search)
        case "{":
            return _visit_object(text, start, node, search)
        case _:
            return _skip(text, start)


def _visit_list(text: str, start: int, node: _Wanted, search: _Search) -> int:
    position, index = _next(text, start + 1), 0
    while text[position] != "]":
        end = _visit(text, position, None, node=node.children.get(str(index)), search=search)
        position, index = _after_comma(text, end), index + 1
    return position + 1


def _visit_object(text: str, start: int, node: _Wanted, search: _Search) -> int:
    position = _next(text, start + 1)
    while text[position] != "}":
        key_end = _skip(text, position)
        name: str = json.loads(text[position:key_end])
        value = _next(text, _next(text, key_end) + 1)
        end = _visit(text, value, position, node=node.children.get(name), search=search)
        position = _after_comma(text, end)
    return position + 1


def _after_comma(text: str, end: int) -> int:
    position = _next(text, end)
    return _next(text, position + 1) if text[position] == "," else position


def _skip(text: str, start: int) -> int:
    if text[start] not in "[{":
        match = _ATOM.match(text, start)
        return match.end() if match else start + 1
    depth = 0
    for match in _BRACKET.finditer(text, start):
        depth += _step(match.group())
        if depth == 0:
            return match.end()
    return len(text)


def _step(token: str) -> int:
    """Give +1 for an opening bracket, -1 for a closing one, 0 for a string."""
    return {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)


def offset_of_literal(text: str, literal: str) -> int:
    """Find a number or constant that is not part of a string. The text behind it need not be valid."""
    return next((match.start() for match in _LITERAL.finditer(text) if match.group() == literal), 0)


def offset_of_depth(text: str, deepest: int) -> int:
    """Find the bracket that opens the level after `deepest`."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += _step(match.group())
        if depth > deepest:
            return match.start()
    return 0


def offset_of_comma(text: str, most: int) -> int | None:
    """Find the comma between values that `most` others precede. The text need not be valid."""
    if text.count(",") <= most:
        return None
    commas = (match.start() for match in _COMMA.finditer(text) if match.group() == ",")
    return next(islice(commas, most, None), None)


def offset_of_duplicate(text: str) -> int:
    """Find the first key that its object already has."""
    open_keys: list[set[str]] = []
    for match in _KEY_OR_BRACKET.finditer(text):
        key, colon = match.groups()
        if key is None:
            open_keys.append(set()) if match.group() in "[{" else open_keys.pop()
        elif colon:
            name: str = json.loads(key)
            if name in open_keys[-1]:
                return match.start()
            open_keys[-1].add(name)
    return 0


def strings_with(text: str, mark: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Give offset and value of every string whose writing holds `mark`."""
    for match in _ATOM.finditer(text):
        token = match.group()
        if token.startswith('"') and mark.search(token):
            yield match.start(), json.loads(token)
