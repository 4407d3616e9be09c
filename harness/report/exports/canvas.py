"""Canvas's gradebook CSV. The columns are positional; the title of the assignment's column carries Canvas's number.

Canvas finds a student by `ID`, then `SIS User ID`, `SIS Login ID`, and the name; an empty cell is no score, `EX` is
excused. A row whose first cell says `Points Possible` holds the points of the columns.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.model.roster import EXCUSED, Person, Roster
from harness.report.exports.cells import Cell, csv_text
from harness.schema.nearest import nearest

COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_POINTS = re.compile(r"(points)\s+(possible)", re.IGNORECASE)
_NUMBERED = re.compile(r".*\S \(\d+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasColumn:
    """The column of an assignment: `Title (12345)`, and what it is out of."""

    title: str
    possible: float


def canvas_csv(column: CanvasColumn, people: Iterable[Person], points: Callable[[Person], float | None]) -> str:
    """Give the table that Canvas imports.

    Args:
        column: The assignment's.
        people: The rows. Who is excused in the roster's column of the same title stays excused.
        points: Gives a person's points; None leaves the cell empty.
    """
    head: list[tuple[Cell, ...]] = [(*COLUMNS, column.title), ("Points Possible", "", "", "", "", column.possible)]
    return csv_text([*head, *(_row(one, column, points) for one in people)])


def is_excused(person: Person, title: str) -> bool:
    """Tell whether the roster, an export of Canvas, excuses the person from the assignment."""
    return person.cells.get(title, "").strip().upper() == EXCUSED


def column_notes(column: CanvasColumn, roster: Roster) -> Iterable[str]:
    """Say what Canvas will do with a column that its own export does not have, or has with other points."""
    titles = [one for one in _titles(roster) if _NUMBERED.fullmatch(one)]
    if not _NUMBERED.fullmatch(column.title):
        yield f"`{column.title}` has no number: Canvas makes a new assignment unless one has exactly this title"
    elif titles and column.title not in titles:
        hint = nearest(column.title, titles)
        words = f"did you mean `{hint}`?" if hint else f"it has {', '.join(f'`{one}`' for one in titles[:8])}"
        yield f"{roster.file} has no column `{column.title}`: {words}"
    there = roster.points.get(column.title, "")
    if re.fullmatch(r"\d+(\.\d+)?", there) and float(there) != column.possible:
        yield f"in Canvas `{column.title}` is out of {float(there):g}, and these grades are out of {column.possible:g}"


def _titles(roster: Roster) -> list[str]:
    headings = list(roster.people[0].cells) if roster.people else []
    return [one for one in headings if one not in COLUMNS]


def _row(person: Person, column: CanvasColumn, points: Callable[[Person], float | None]) -> tuple[Cell, ...]:
    grade: Cell = EXCUSED if is_excused(person, column.title) else points(person)
    ids = (person.canvas_id, person.sis_user_id or person.student, person.sis_login_id or person.username)
    name = _POINTS.sub(r"\1-\2", person.name)  # else Canvas takes the row for that of the points
    return (name, *ids, person.section, grade)
