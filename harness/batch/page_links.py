"""Which page of a public report is whose: names that nobody can guess, in a list for the staff beside the report.

The list is what makes names last: a report that is made again, of this run or a regraded one, keeps a student's page.
"""

import csv
import io
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.errors import ConfigError
from harness.files import write_whole
from harness.report.exports.cells import neutral

HEADINGS = ["id", "page"]
_MARK = "'"
_MARKED = ("+", "-", _MARK)  # what a spreadsheet takes for a number and writes anew, and the mark itself
_TOKEN_BYTES = 16


def list_path(target: Path) -> Path:
    """Give where the list of a report lies: beside its folder, so that it is not put on the web with it."""
    return target.with_name(f"{target.name}.links.csv")


def public_names(ids: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Give each id the file name of its page: the known one, or a new one of 128 random bits."""
    return {one: known.get(one) or f"{secrets.token_hex(_TOKEN_BYTES)}.html" for one in ids}


def read_list(path: Path) -> dict[str, str]:
    """Read names that were given before; none where there is no list yet.

    Raises:
        ConfigError: It is no such list.
    """
    if not path.exists():
        return {}
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _not_a_list(path) from error
    if not rows or rows[0] != HEADINGS or any(len(row) != 2 or not _is_name(row[1]) for row in rows[1:]):
        raise _not_a_list(path)
    return {_plain(row[0]): row[1].removeprefix("students/") for row in rows[1:]}


def write_list(path: Path, names: Mapping[str, str]) -> None:
    """Write the list, for the staff to send each student an address; it is as secret as the pages."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADINGS)
    rows.writerows([_cell(one), f"students/{name}"] for one, name in names.items())
    write_whole(path, text.getvalue().encode(), mode=0o600)


def _is_name(text: str) -> bool:
    name = text.removeprefix("students/").removesuffix(".html")
    return len(name) == 2 * _TOKEN_BYTES and set(name) <= set("0123456789abcdef")


def _not_a_list(path: Path) -> ConfigError:
    return ConfigError(f"{path} is no list of pages.", remedy="Move it away; students get new addresses then.")


def _cell(text: str) -> str:
    return f"{_MARK}{text}" if _is_marked(text) else text


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith(_MARK) and _is_marked(cell[1:]) else cell


def _is_marked(text: str) -> bool:
    return text.startswith(_MARKED) or neutral(text) != text
