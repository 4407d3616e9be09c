"""Moodle: fills in an exported offline grading worksheet, and writes a CSV for the gradebook's import.

A worksheet is filled, never made: Moodle knows its rows by `Participant N`. Of the import it reads the columns
`Identifier`, `Grade`, `Last modified (grade)` and the feedback, in the language of who imports; so all headings stay.
It passes over a grade above the maximum, and an import into the gradebook ends at the first unknown user.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.model.roster import Person
from harness.report.exports.cells import Cell, csv_text, number
from harness.schema.table import Row, Table

_NO = frozenset({"no", "否", "nein", "non"})
IDENTITIES: Mapping[str, str] = {"id_number": "ID number", "username": "Username", "email": "Email address"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a student is given: points, and the feedback as lines of plain text."""

    points: float
    feedback: tuple[str, ...] = ()


def filled(table: Table, columns: Mapping[str, int], given: Mapping[int, Given]) -> str:
    """Give the worksheet with the grades in it; other rows and columns stay as they are.

    Args:
        table: The worksheet.
        columns: Where `grade` and, if the sheet has it, `feedback` are.
        given: Grades by the line of the row.
    """
    rows = (_with_grade(row, columns, given[row.line]) if row.line in given else row for row in table.rows)
    text = csv_text([table.header, *(row.cells for row in rows)], delimiter=table.separator)
    return f"\ufeff{text}" if table.byte_order_mark else text


def refused(table: Table, columns: Mapping[str, int], given: Mapping[int, Given]) -> Iterator[str]:
    """Tell which grades Moodle would silently pass over: above the maximum, or locked."""
    for row in table.rows:
        grade = given.get(row.line)
        if grade is None:
            continue
        maximum = row.cells[columns["maximum"]].strip() if "maximum" in columns else ""
        most = _number(maximum)
        if most is not None and grade.points > most:
            yield f"{table.file}:{row.line}: {number(grade.points)} points are more than the maximum grade of {maximum}"
        if "changeable" in columns and row.cells[columns["changeable"]].strip().casefold() in _NO:
            yield (
                f"{table.file}:{row.line}: Moodle says that this grade cannot be changed; unlock it in Moodle's grader "
                "report, then download the worksheet again"
            )


def maxima(table: Table, columns: Mapping[str, int]) -> frozenset[float]:
    """Give the maximum grades that the worksheet states."""
    at = columns.get("maximum")
    found = {_number(row.cells[at]) for row in table.rows} if at is not None else set()
    return frozenset(one for one in found if one is not None)


def html_of(lines: Iterable[str]) -> str:
    """Give lines as the HTML that Moodle takes feedback for: everything in them is text."""
    return "<br>".join(html.escape(line, quote=False) for text in lines for line in text.split("\n"))


def gradebook_csv(title: str, identity: str, rows: Iterable[tuple[Person, Given]]) -> str:
    """Give a table for `Grades > Import > CSV file`: the user, the points, the feedback.

    Args:
        title: Heading of the points.
        identity: The attribute of `Person` that Moodle is to find users by, one of `IDENTITIES`.
        rows: Only people whom Moodle knows, only numbers.
    """
    head: tuple[Cell, ...] = (IDENTITIES[identity], title, "Feedback")
    return csv_text([head, *((getattr(one, identity), has.points, html_of(has.feedback)) for one, has in rows)])


def identity_of(people: Sequence[Person], has: Callable[[str], bool]) -> str | None:
    """Choose what Moodle is to find users by: the first that all of them have; None where there is none."""
    return next((role for role in IDENTITIES if has(role) and all(getattr(one, role) for one in people)), None)


def _with_grade(row: Row, columns: Mapping[str, int], given: Given) -> Row:
    cells = list(row.cells)
    cells[columns["grade"]] = number(given.points)
    if "feedback" in columns and given.feedback:
        cells[columns["feedback"]] = html_of(given.feedback)
    return replace(row, cells=tuple(cells))


def _number(text: str) -> float | None:
    found = re.fullmatch(r"\s*(\d+)(?:[.,](\d+))?\s*", text)
    return float(f"{found[1]}.{found[2] or 0}") if found else None
