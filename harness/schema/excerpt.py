"""The line of a text in which something is wrong, cut to what a terminal shows, with a caret below the place. Pure."""

import unicodedata

from harness.text import visible

_BEFORE, _AFTER = 32, 28  # columns of a terminal; a Chinese character takes two
_CUT = "…"
# As wide as a Chinese character in every font, so that the caret stands right in a browser, too.
_WIDE_SPACE = "\N{IDEOGRAPHIC SPACE}"


def excerpt(text: str, line: int, column: int) -> str | None:
    """Give the line with a caret below a place; None where the line and all before it is blank.

    Args:
        text: The whole text.
        line: 1-based line of the place; of an empty one the end of the last line before it with something on it.
        column: 1-based column, in characters.
    """
    start = _start_of(text, line)
    end = text.find("\n", start)
    row = text[start:] if end < 0 else text[start:end]
    if not row.strip():
        kept = text[:start].rstrip()
        row = kept[kept.rfind("\n") + 1 :]
        column = len(row) + 1
    if not row:
        return None
    at = min(column - 1, len(row))
    # Escapes are wider than what they stand for, so this is enough of the line.
    before = _last(visible(row[max(0, at - _BEFORE) : at], 12 * _BEFORE), _BEFORE, cut=at > _BEFORE)
    after = _first(visible(row[at : at + _AFTER], 12 * _AFTER), _AFTER, cut=len(row) - at > _AFTER)
    return f"{before}{after}\n{''.join(map(_blank, before))}^"


def _start_of(text: str, line: int) -> int:
    start = 0
    for _ in range(line - 1):
        found = text.find("\n", start)
        if found < 0:
            break
        start = found + 1
    return start


def _first(text: str, most: int, *, cut: bool) -> str:
    columns = 0
    for at, char in enumerate(text):
        columns += _columns(char)
        if columns > most:
            return text[:at] + _CUT
    return text + _CUT if cut else text


def _last(text: str, most: int, *, cut: bool) -> str:
    return _first(text[::-1], most, cut=cut)[::-1]


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _blank(char: str) -> str:
    return ("", " ", _WIDE_SPACE)[_columns(char)]
