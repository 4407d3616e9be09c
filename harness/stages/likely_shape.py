"""Guesses how predictions of a wrong shape came about, and what to write instead. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from harness.language import Message, message

_ROW = '{"id": …, "output": …}'
_LIST = f"[{_ROW}, …]"
_KEYS = {"id", "output"}


def likely_shape(data: Any, wanted: Sequence[str]) -> Message | None:
    """Tell what to write instead of data whose shape as a whole is wrong; None where it is not, or nothing is known.

    Args:
        data: The content of the file, which the schema refuses.
        wanted: The ids of the input.
    """
    match data:
        case str() if _holds_json(data):
            return message("it is JSON inside a string: call json.dump once, without json.dumps before it")
        case dict() if data.keys() & _KEYS:
            return message("put it into a list: {list}", list=_LIST)
        case dict() if len(data) == 1 and isinstance(next(iter(data.values())), list):
            return message("write the list alone, without the key `{key}` around it", key=next(iter(data))[:40])
        case dict() if data.keys() & set(wanted):
            return message("write a list, not an object with ids as keys: {list}", list=_LIST)
        case list() if data and all(isinstance(one, str) for one in data):
            return message("write an object for each row, not the text alone: {row}", row=_ROW)
        case list() if data and all(isinstance(one, list) for one in data):
            return message("write an object for each row, not a list: {row}", row=_ROW)
    return None


def _holds_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list | dict)
    except (ValueError, RecursionError):
        return False
