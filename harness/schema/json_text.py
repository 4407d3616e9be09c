"""Reads JSON strictly, and tells the likely cause when a text is none. Knows no schema."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

from harness.language import Message, message, verbatim
from harness.schema.json_cause import cause_of
from harness.schema.json_scan import (
    offset_of_comma,
    offset_of_depth,
    offset_of_duplicate,
    offset_of_literal,
    strings_with,
)
from harness.schema.position import line_column
from harness.schema.problem import DocumentError, Problem
from harness.text import visible

DEEPEST = 64
MOST_DIGITS = 300  # any longer number is beyond a double
MOST_VALUES = 250_000  # each may cost a hundred bytes and more than a microsecond
_SHOWN = 40
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _RefusedError(ValueError):
    """Valid for `json`, but not for us; `find` gives the offset in the text."""

    def __init__(self, find: Callable[[str], int], expected: Message, seen: Message, remedy: Message) -> None:
        super().__init__(seen)
        self.find = find
        self.words = (expected, seen, remedy)


def parse_json(text: str, name: str) -> Any:
    """Give the data of a JSON text: no NaN, no infinity, no key twice, at most `DEEPEST` levels and some
    more than `MOST_VALUES` values.

    Raises:
        DocumentError: It is no such text.
    """
    try:
        _check_count(text)
        data = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
        _check_depth(data)
        _check_surrogates(text)
    except _RefusedError as refused:
        raise _error(text, refused, name) from None
    except json.JSONDecodeError as error:
        expected, seen, remedy = cause_of(text, error)
        place = line_column(text, min(error.pos, len(text)))
        raise DocumentError(Problem(name, *place, "", expected, seen, remedy)) from None
    except RecursionError:
        raise _error(text, _too_deep(), name) from None
    return data


def _error(text: str, refused: _RefusedError, name: str) -> DocumentError:
    return DocumentError(Problem(name, *line_column(text, refused.find(text)), "", *refused.words))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError(
            offset_of_duplicate,
            message("each key once"),
            message("a key for the second time"),
            message("remove one of the two"),
        )
    return members


def _constant(literal: str) -> None:
    raise _RefusedError(
        lambda text: offset_of_literal(text, literal),
        message("a JSON value"),
        verbatim(literal),
        message("JSON has no NaN and no infinity: write a number or null"),
    )


def _float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise _too_large(literal)
    return value


def _int(literal: str) -> int:
    if len(literal) > MOST_DIGITS:
        raise _too_large(literal)
    return int(literal)


def _too_large(literal: str) -> _RefusedError:
    return _RefusedError(
        lambda text: offset_of_literal(text, literal),
        message("a number below {most}", most="1e308"),
        verbatim(visible(literal, _SHOWN)),
        message("write a smaller number"),
    )


def _too_deep() -> _RefusedError:
    return _RefusedError(
        lambda text: offset_of_depth(text, DEEPEST),
        message("at most {count} levels of lists and objects", count=DEEPEST),
        message("one more"),
        message("write flat lists of objects"),
    )


def _check_count(text: str) -> None:
    offset = offset_of_comma(text, MOST_VALUES)
    if offset is not None:
        raise _RefusedError(
            _at(offset),
            message("at most {count:,} values", count=MOST_VALUES),
            message("more"),
            message("write one object for each row of the input"),
        )


def _check_depth(data: object) -> None:
    level = [data]
    for _ in range(DEEPEST):
        members = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [child for group in members for child in group if isinstance(child, dict | list)]
        if not level:
            return
    raise _too_deep()


def _at(offset: int) -> Callable[[str], int]:
    return lambda _: offset


def _check_surrogates(text: str) -> None:
    if not _SURROGATE_ESCAPE.search(text):
        return
    for offset, value in strings_with(text, _SURROGATE_ESCAPE):
        if _SURROGATE.search(value):
            raise _RefusedError(
                _at(offset),
                message("text that UTF-8 can hold"),
                message('the half of a surrogate pair in "{text}"', text=visible(value, _SHOWN)),
                message("decode the text whole before you write it"),
            )
