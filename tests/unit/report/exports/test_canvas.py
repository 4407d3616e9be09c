"""Canvas imports what is exported: the right people, no score where there is none, no new assignment."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.model.result import Record
from harness.model.roster import Person, Roster
from harness.report.exports.canvas import CanvasColumn, canvas_csv, column_notes
from harness.report.exports.feedback import points_of
from tests.unit.report.exports.readers import CanvasUser, formulas, import_canvas

COLUMN = CanvasColumn(title="HW 1 (12345)", possible=10.0)
USERS = [
    CanvasUser(101, "Ann", "r13921031", "ann"),
    CanvasUser(102, "=cmd|' /C calc'!A0", "r13921032", "-ben"),
    CanvasUser(103, "王小明", "r13921033"),
    CanvasUser(104, "Dan, Jr.", "r13921034"),
    CanvasUser(105, "Eve", "r13921035"),
    CanvasUser(106, "Fay", "r13921036"),
    CanvasUser(107, "Guy", "r13921037"),
]


@pytest.fixture
def people() -> tuple[Person, ...]:
    made = [
        Person(
            line=number,
            name=one.name,
            canvas_id=str(one.canvas_id),
            sis_user_id=one.sis_user_id,
            sis_login_id=one.sis_login_id,
            section="A",
        )
        for number, one in enumerate(USERS, start=3)
    ]
    made[6] = replace(made[6], cells={COLUMN.title: "EX"})
    return tuple(made)


@pytest.fixture
def points(small_class: tuple[Record, ...]) -> Callable[[Person], float | None]:
    by_id = {one.submission.id: points_of(one) for one in small_class}
    return lambda person: by_id.get(person.sis_user_id)


def test_golden_and_read_back(people: tuple[Person, ...], points: Callable[[Person], float | None], golden) -> None:
    text = canvas_csv(COLUMN, people, points)
    golden("canvas.csv", text)
    assert formulas(text) == []
    done = import_canvas(text, USERS, {12345: "HW 1"})
    assert (done.new_students, done.new_assignments) == ([], [])
    assert done.points_possible == {COLUMN.title: "10.0"}
    # Not graded (105) and nothing handed in (106) are no score; excused (107) stays so.
    assert done.grades == {101: "10.0", 102: "7.2", 103: "7.5", 104: "4.0", 105: "", 106: "", 107: "EX"}


def test_no_student_s_name_makes_the_row_of_the_points(
    people: tuple[Person, ...], points: Callable[[Person], float | None]
) -> None:
    named = [replace(people[0], name="Points Possible"), *people[1:]]
    done = import_canvas(canvas_csv(COLUMN, named, points), USERS, {12345: "HW 1"})
    assert (done.points_possible, done.grades[101]) == ({COLUMN.title: "10.0"}, "10.0")


def test_without_canvas_ids_the_sis_ids_serve(
    people: tuple[Person, ...], points: Callable[[Person], float | None]
) -> None:
    done = import_canvas(canvas_csv(COLUMN, [replace(one, canvas_id="") for one in people], points), USERS, {12345: ""})
    assert (done.grades[101], done.grades[102], done.new_students) == ("10.0", "7.2", [])


def test_notes_on_the_column() -> None:
    person = Person(line=3, cells={"Student": "", "HW 1 (12345)": "", "HW 2 (222)": "", "Notes": ""})
    roster = Roster(file="r.csv", roles=frozenset(), people=(person,), points={"HW 2 (222)": "100.00"})

    def notes(title: str) -> list[str]:
        return list(column_notes(CanvasColumn(title=title, possible=10.0), roster))

    assert notes("HW 1 (12345)") == []
    assert notes("HW 1") == ["`HW 1` has no number: Canvas makes a new assignment unless one has exactly this title"]
    assert notes("HW 1 (12354)") == ["r.csv has no column `HW 1 (12354)`: did you mean `HW 1 (12345)`?"]
    assert notes("zzz (9)") == ["r.csv has no column `zzz (9)`: it has `HW 1 (12345)`, `HW 2 (222)`"]
    assert notes("HW 2 (222)") == ["in Canvas `HW 2 (222)` is out of 100, and these grades are out of 10"]
