"""Reads CSV files that platforms and spreadsheets wrote, whatever their separator. Must not know what they hold."""

import csv
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from harness.errors import ConfigError
from harness.language import verbatim
from harness.schema.assignment import read_file
from harness.schema.position import line_column
from harness.schema.problem import DocumentError, Problem
from harness.schema.words import seen_words

MOST_LISTED = 20
_SEPARATORS = ",;\t"
_OLD_ENCODINGS = (("big5", "Big5"), ("gb18030", "GB 18030"), ("cp1252", "Windows-1252"))
_SAVE = "save it as CSV in UTF-8 (in Excel: `CSV UTF-8`)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: the line on which it begins, and as many cells as there are headings."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A CSV file: its headings (without outer white space), rows, separator, and whether it began with a mark."""

    file: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    separator: str
    byte_order_mark: bool


def load_table(path: Path, *, what: str, remedy: str) -> Table:
    """Read a CSV file in UTF-8, with or without byte order mark, with commas, semicolons or tabs.

    Args:
        path: The file.
        what: What messages call it.
        remedy: What to do where there is none.

    Raises:
        ConfigError: It cannot be read; the message has a line for each problem.
    """
    content = read_file(path, what, remedy)
    try:
        text = _decoded(content.removeprefix(BOM_UTF8), str(path))
        first = text.lstrip("\r\n").partition("\n")[0]
        separator = max(_SEPARATORS, key=lambda one: (_outside_quotes(first, one), -_SEPARATORS.index(one)))
        header, rows = _read(text, str(path), separator)
    except DocumentError as error:
        raise wrong_table(path, error.problems, remedy=remedy) from None
    marked = content.startswith(BOM_UTF8)
    return Table(file=str(path), header=header, rows=rows, separator=separator, byte_order_mark=marked)


def wrong_table(path: Path, found: Sequence[Problem], *, remedy: str) -> ConfigError:
    """Make the error that lists what is wrong with a table."""
    more = [f"and {len(found) - MOST_LISTED} more"] if len(found) > MOST_LISTED else []
    return ConfigError("\n".join([f"{path} cannot be used:", *map(str, found[:MOST_LISTED]), *more]), remedy=remedy)


def wrong_row(table_file: str, line: int, expected: str, *, seen: str, remedy: str, column: int = 1) -> Problem:
    """Make a problem of a table; only the staff read it, so it is English."""
    return Problem(table_file, line, column, "", verbatim(expected), verbatim(seen), verbatim(remedy))


def _decoded(content: bytes, name: str) -> str:
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise DocumentError(wrong_row(name, 1, "UTF-8", seen="UTF-16", remedy=_SAVE))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        seen = f"the byte 0x{content[error.start]:02X}{_old_encoding(content)}"
        line, column = line_column(before, len(before))
        raise DocumentError(wrong_row(name, line, "UTF-8", seen=seen, remedy=_SAVE, column=column)) from None


def _old_encoding(content: bytes) -> str:
    for codec, words in _OLD_ENCODINGS:
        try:
            content.decode(codec)
        except UnicodeDecodeError:
            continue
        return f" (the file may be in {words})"
    return ""


def _outside_quotes(line: str, separator: str) -> int:
    return sum(part.count(separator) for part in line.split('"')[::2])


def _read(text: str, name: str, separator: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    problems: list[Problem] = []
    rows = list(_rows(text, name, separator, problems))
    if not rows and not problems:
        problems.append(wrong_row(name, 1, "a line of headings", seen="an empty file", remedy=_SAVE))
    if problems:
        raise DocumentError(*problems)
    header = tuple(cell.strip() for cell in rows[0].cells)
    width, found = len(header), []
    for row in rows[1:]:
        if any(cell.strip() for cell in row.cells[width:]):
            seen = f"{len(row.cells)} cells"
            remedy = "put a cell that holds the separator in double quotes"
            problems.append(wrong_row(name, row.line, f"{width} cells, one a heading", seen=seen, remedy=remedy))
        found.append(Row(line=row.line, cells=(*row.cells[:width], *[""] * (width - len(row.cells)))))
    if problems:
        raise DocumentError(*problems)
    return header, tuple(found)


def _rows(text: str, name: str, separator: str, problems: list[Problem]) -> Iterator[Row]:
    reader, line = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True), 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(line=line, cells=tuple(cells))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(wrong_row(name, line, "a row of CSV", seen=seen_words(str(error)), remedy=_SAVE))
