"""Tables as CSV in which no spreadsheet finds a formula. Must not know what stands in them."""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

Cell = str | int | float | None

_FORMULA = frozenset("=+-@")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_NEW_CELL = re.compile(r"([;\t\r\n])")
_NO_FORMULA = frozenset({"", "-"})


def csv_text(rows: Iterable[Sequence[Cell]], *, delimiter: str = ",", newline: str = "\n") -> str:
    """Give rows as CSV: texts neutralised, numbers as numbers, None as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline)
    for row in rows:
        writer.writerow([neutral(_lines(one)) if isinstance(one, str) else number(one) for one in row])
    return text.getvalue()


def number(value: float | None) -> str:
    """Give a number with all its digits and no exponent, which not every gradebook reads; nothing for None."""
    if value is None:
        return ""
    return format(Decimal(repr(value)), "f") if math.isfinite(value) else str(value)


def neutral(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula.

    After OWASP, "CSV Injection": what begins with = + - @, also behind white space that some programs drop or in the
    full-width forms that some take for the same; a tab or line break at the beginning; and the same inside of a cell
    behind `;`, a tab or a line break, where a program set to another separator begins a new cell. A number is left as
    it is, and so is a lone dash.
    """
    parts = _NEW_CELL.split(text)
    safe = "".join(f"'{part}" if _runs(part) else part for part in parts)
    return f"'{safe}" if safe[:1] in {"\t", "\r", "\n"} else safe


def _lines(text: str) -> str:
    """Write line breaks in one way: the writer leaves a lone carriage return without quotes."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _runs(part: str) -> bool:
    begin = next((at for at, char in enumerate(part) if not _dropped(char)), len(part))
    rest = part[begin:]
    if rest.strip() in _NO_FORMULA or _NUMBER.fullmatch(rest.strip()):
        return False
    return unicodedata.normalize("NFKC", rest[0]) in _FORMULA


def _dropped(char: str) -> bool:
    """Whether a program may take the character for nothing: white space, quotes, control and format characters."""
    return char.isspace() or char == '"' or unicodedata.category(char) in {"Cc", "Cf"}
