"""Keeps the messages of a file of ours translatable: beside the English texts, how each of them was made.

`wordings` maps a text to its template and values (`record.v1`), so that readers who know nothing of it lose nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.language import VERBATIM, Message, Value, rebuilt, verbatim

WORDINGS = "wordings"


def wordings_of(data: object) -> dict[str, Any]:
    """Give how the messages in plain data were made, those without values, too, but for what no language changes."""
    return {str(one): _plain(one) for one in _messages(data) if one.template != VERBATIM}


def with_messages(data: Any, wordings: Mapping[str, Any]) -> Any:
    """Give the data with the texts that `wordings` knows as messages again; what it says wrongly stays plain text."""
    known = {text: made for text, one in wordings.items() if (made := _message(one)) == text}

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
        made = _message(wording) if wording else None
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


def _message(data: Mapping[str, Any]) -> Message | None:
    try:
        return rebuilt(data["template"], {name: _value(one) for name, one in data["values"].items()})
    except ValueError:
        return None


def _value(data: Any) -> Value:
    match data:
        case dict():
            return rebuilt(data["template"], {name: _value(one) for name, one in data["values"].items()})
        case list():
            return tuple(_value(one) for one in data)
    return data  # type: ignore[no-any-return]
