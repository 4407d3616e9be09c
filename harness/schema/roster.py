"""Loads a roster: a CSV file of one's own, or what Canvas or Moodle exports. Must not know the submissions."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from harness.model.roster import Person, Roster, same_id
from harness.schema.columns import find_columns, is_canvas, missing_column, plain
from harness.schema.problem import DocumentError, Problem
from harness.schema.table import Row, Table, load_table, wrong_row, wrong_table
from harness.schema.words import seen_words

IDENTITIES = ("student", "sis_user_id", "sis_login_id", "id_number", "username", "email")
ROLES = (*IDENTITIES, "canvas_id", "name", "first_name", "last_name", "section")
REMEDY = "docs/how-to/gradebook.md says what a roster holds: a CSV with `student id`, or an export of Canvas or Moodle."
_TEST_STUDENT = "student, test"


def load_roster(path: Path, *, columns: Mapping[str, str], elsewhere: Collection[str] = ()) -> Roster:
    """Load a roster.

    Args:
        path: A CSV file; see `load_table`.
        columns: Headings by role, where they are not the usual ones.
        elsewhere: Headings of another table: what is said of them may not be meant for this one.

    Raises:
        ConfigError: It cannot be read or something in it is wrong; the message has a line for each problem.
    """
    table = load_table(path, what="roster", remedy=REMEDY)
    other = {plain(one) for one in elsewhere} - {plain(one) for one in table.header}
    try:
        return roster_of(table, columns={role: one for role, one in columns.items() if plain(one) not in other})
    except DocumentError as error:
        raise wrong_table(path, error.problems, remedy=REMEDY) from None


def roster_of(table: Table, *, columns: Mapping[str, str], worksheet: bool = False, by_name: bool = False) -> Roster:
    """Read a table as a roster.

    Args:
        table: The table.
        columns: Headings by role, where they are not the usual ones.
        worksheet: Whether it is one of Moodle's, in which `ID` is no student's id.
        by_name: Whether people may have no id, but a name.

    Raises:
        DocumentError: A column is missing, a row has no id, or two rows have one.
    """
    roles = ROLES if worksheet else (*ROLES, "id")
    found = dict(find_columns(table, roles, given={role: one for role, one in columns.items() if role in roles}))
    if "id" in found:  # a list of one's own
        found.setdefault("student", found.pop("id"))
    if not found.keys() & {*IDENTITIES, *(["name"] if by_name else [])}:
        raise DocumentError(missing_column(table, IDENTITIES))
    canvas = is_canvas(table)
    rows = [one for one in table.rows if not (canvas and _is_no_student(one, found))]
    points = next((_points(table, one) for one in table.rows if canvas and _has_points(one, found)), {})
    people = tuple(_person(table, one, found) for one in rows)
    no_id = [] if canvas or by_name else _without_id(table, people)  # Canvas knows some by its own number alone
    if problems := [*no_id, *_twice(table, people)]:
        raise DocumentError(*problems)
    return Roster(file=table.file, roles=frozenset(found), people=people, points=points)


def _is_no_student(row: Row, columns: Mapping[str, int]) -> bool:
    """Whether a row of Canvas's has no id, as that of the points, or is of its test student."""
    is_test = row.cells[0].strip().casefold() == _TEST_STUDENT
    return not any(_canvas_ids(row, columns)) or (is_test and not any(_canvas_ids(row, columns)[1:2]))


def _has_points(row: Row, columns: Mapping[str, int]) -> bool:
    return "points possible" in row.cells[0].casefold() and not any(_canvas_ids(row, columns))


def _canvas_ids(row: Row, columns: Mapping[str, int]) -> list[str]:
    roles = ("canvas_id", "sis_user_id", "sis_login_id")
    return [row.cells[columns[role]].strip() for role in roles if role in columns]


def _points(table: Table, row: Row) -> Mapping[str, str]:
    return {heading: cell.strip() for heading, cell in zip(table.header, row.cells, strict=True) if cell.strip()}


def _person(table: Table, row: Row, columns: Mapping[str, int]) -> Person:
    def cell(role: str) -> str:
        return row.cells[columns[role]].strip() if role in columns else ""

    return Person(
        line=row.line,
        student=cell("student"),
        name=cell("name") or f"{cell('first_name')} {cell('last_name')}".strip(),
        canvas_id=cell("canvas_id"),
        sis_user_id=cell("sis_user_id"),
        sis_login_id=cell("sis_login_id"),
        section=cell("section"),
        id_number=cell("id_number"),
        username=cell("username"),
        email=cell("email"),
        cells=dict(zip(table.header, row.cells, strict=True)),
    )


def _without_id(table: Table, people: tuple[Person, ...]) -> Iterator[Problem]:
    for one in people:
        if not any(getattr(one, role) for role in IDENTITIES):
            yield wrong_row(table.file, one.line, "an id", seen="none", remedy="fill it in, or remove the line")


def _twice(table: Table, people: tuple[Person, ...]) -> Iterator[Problem]:
    for role in (*IDENTITIES, "canvas_id"):
        first: dict[str, Person] = {}
        for one in people:
            value = getattr(one, role)
            before = first.setdefault(same_id(value), one) if value else one
            if before is not one:
                same = "" if getattr(before, role) == value else f" ({seen_words(getattr(before, role))}, the same id)"
                expected = f"each student once; line {before.line} has this one{same}"
                yield wrong_row(
                    table.file, one.line, expected, seen=seen_words(value), remedy="keep the line that counts"
                )
