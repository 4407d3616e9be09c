"""Keeps the messages of a file of ours translatable: beside the English texts, how each of them was made.

`wordings` maps a text to its template and values (`record.v1`), so that readers who know nothing of it lose nothing.
Such a file may have been changed: what is made of it never takes much more memory than the text that it stands for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.language import VERBATIM, Message, Value, rebuilt, verbatim

WORDINGS = "wordings"
_DEEPEST = 32


def wordings_of(data: object) -> dict[str, Any]:
    """Give how the messages in plain data were made, those without values, too, but for what no language changes."""
    return {str(one): _plain(one) for one in _messages(data) if one.template != VERBATIM}


def with_messages(data: Any, wordings: Mapping[str, Any]) -> Any:
    """Give the data with the texts that `wordings` knows as messages again; what it says wrongly stays plain text."""
    known = {text: made for text, one in wordings.items() if (made := _message(one, text)) == text}

    def again(value: Any) -> Any:
        match value:
            case str():
                return known.get(value, value)
            case dict():
                return {key: again(one) for key, one in value.items()}
            case list():
                return [again(one) for one in value]
        return value

    return again(data)


def wording_of(text: str) -> dict[str, Any] | None:
    """Give how one text was made, or None where there is nothing to say of it."""
    return _plain(text) if isinstance(text, Message) and text.template != VERBATIM else None


def worded(text: str, wording: Any) -> Message:
    """Give a text as the message that `wording` says it is, or as one that no language changes."""
    try:
        made = _message(wording, text) if wording else None
    except (LookupError, TypeError, AttributeError):
        made = None
    return made if made == text and made is not None else verbatim(text)


def _messages(data: object) -> Iterator[Message]:
    match data:
        case Message():
            yield data
        case dict():
            for one in data.values():
                yield from _messages(one)
        case list():
            for one in data:
                yield from _messages(one)


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return {"template": value.template, "values": {name: _plain(one) for name, one in value.values.items()}}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _message(data: Mapping[str, Any], text: str) -> Message | None:
    try:
        return _Rebuilding(text).message(data, _DEEPEST)
    except ValueError:
        return None


class _Rebuilding:
    """Makes the message of one text again.

    Nothing in it may be longer than the whole, and all that is put together on the way has its bound, too: gaps in
    gaps would otherwise grow a small file to any size.

    Args:
        text: What the message reads.
    """

    def __init__(self, text: str) -> None:
        self._longest = len(text)
        self._left = len(text) * _DEEPEST

    def message(self, data: Mapping[str, Any], deepest: int) -> Message:
        """Make one, whose values have at most `deepest` - 1 levels in them.

        Raises:
            ValueError: The file says it wrongly.
        """
        values = {name: self._value(one, deepest - 1) for name, one in data["values"].items()}
        made = rebuilt(data["template"], values, longest=min(self._longest, self._left))
        self._left -= len(made)
        return made

    def _value(self, data: Any, deepest: int) -> Value:
        match data:
            case _ if deepest < 0:
                raise ValueError(f"more than {_DEEPEST} levels in a wording")
            case dict():
                return self.message(data, deepest)
            case list():
                return tuple(self._value(one, deepest - 1) for one in data)
            case str() | int() | float():
                return data
        raise ValueError(f"{data!r} cannot stand in a message")
