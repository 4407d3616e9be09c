"""Rosters as people have them: their own, Canvas's, Moodle's; and what is said of wrong ones."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.model.roster import Roster
from harness.schema.roster import load_roster

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,HW 1 (12),Final Score
    Points Possible,,,,,10.00,(read only)
"Lee, Ann",101,r13921031,ann,A and B,EX,
王小明,102,R13921032,,A,,
"Student, Test",199,,,A,,
"""
MOODLE = """First name,Last name,ID number,Email address,Assignment: HW 1 (Real)
Ann,Lee,r13921031,ann@x.example,-
"""


@pytest.fixture
def load(tmp_path: Path):
    def apply(content: str | bytes, **columns: str) -> Roster:
        path = tmp_path / "roster.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_roster(path, columns=columns)

    return apply


@pytest.fixture
def refused(load, tmp_path: Path):
    def apply(content: str | bytes, **columns: str) -> str:
        with pytest.raises(ConfigError) as caught:
            load(content, **columns)
        head, *lines = str(caught.value).splitlines()
        assert head == f"{tmp_path}/roster.csv cannot be used:"
        assert "docs/how-to/gradebook.md" in caught.value.remedy
        return "\n".join(lines).replace(f"{tmp_path}/roster.csv", "R")

    return apply


def test_canvas_export(load) -> None:
    roster = load(CANVAS)
    assert [(one.line, one.name, one.canvas_id, one.sis_user_id, one.sis_login_id) for one in roster.people] == [
        (3, "Lee, Ann", "101", "r13921031", "ann"),
        (4, "王小明", "102", "R13921032", ""),
    ]
    assert roster.people[0].section == "A and B"
    assert roster.people[0].cells["HW 1 (12)"] == "EX"
    assert roster.points["HW 1 (12)"] == "10.00"


@pytest.mark.parametrize("name", ["Points Possible", "Ann Points Possible", "    points possible"])
def test_a_student_of_any_name_is_a_student(load, name: str) -> None:
    lines = CANVAS.splitlines()
    own = f"{name},103,r13921033,cat,A,7,"
    for rows in ([*lines, own], [lines[0], own, *lines[1:]]):
        roster = load("\n".join(rows) + "\n")
        assert {one.name for one in roster.people} == {"Lee, Ann", "王小明", name.strip()}
        assert roster.points["HW 1 (12)"] == "10.00"


def test_moodle_export(load) -> None:
    (one,) = load(MOODLE).people
    assert (one.name, one.id_number, one.email) == ("Ann Lee", "r13921031", "ann@x.example")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_own_list(load, separator: str, mark: str, newline: str) -> None:
    lines = (("Student_ID", "name"), ("00123", "王"), ("1E5", '"a ""b"""'), ("", ""))
    text = mark + newline.join(separator.join(line) for line in lines) + newline
    assert [(one.student, one.name) for one in load(text).people] == [("00123", "王"), ("1E5", 'a "b"')]


def test_id_alone_is_the_student_s_in_an_own_list(load) -> None:
    assert load("id,name\nr1,Ann\n").people[0].student == "r1"


def test_other_headings_can_be_named(load, refused) -> None:
    assert load("學籍編號,name\nr1,Ann\n", student="學籍編號").people[0].student == "r1"
    said = refused("學籍編號,name\nr1,Ann\n", student="學籍編")
    assert said == ('R:1:1: expected the column `學籍編` for `student`, saw "學籍編號, name"; did you mean `學籍編號`?')


def test_rows_of_two_lines_keep_their_line_numbers(refused) -> None:
    assert refused('id,name\nr1,"Ann\nLee"\nr1,Ben\n').startswith("R:4:1: expected each student once; line 2")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "R:1:1: expected a line of headings, saw an empty file; save it as CSV in UTF-8 (in Excel: `CSV UTF-8`)"),
        (
            "Studnet ID,mark\nr1,5\n",
            "R:1:1: expected a column `student id` or `sis user id` or `sis login id` or `id number` or `username` or "
            '`email`, saw "Studnet ID, mark"; did you mean `student id` by `Studnet ID`? Otherwise name it in the '
            "first line, or say which it is with --column student=HEADING",
        ),
        (
            "id,name\nr13921031,Ann\nR13921031 ,Ann\n",
            'R:3:1: expected each student once; line 2 has this one ("r13921031", the same id), saw "R13921031"; '
            "keep the line that counts",
        ),
        ("id,name\n,Ann\n", "R:2:1: expected an id, saw none; fill it in, or remove the line"),
        (
            "id,name\nr1,Lee,Ann\n",
            "R:2:1: expected 2 cells, one a heading, saw 3 cells; put a cell that holds the separator in double quotes",
        ),
        (
            'id,name\nr1,"Ann\n',
            'R:2:1: expected a row of CSV, saw "unexpected end of data"; save it as CSV in UTF-8 '
            "(in Excel: `CSV UTF-8`)",
        ),
        (
            "id,student number\nr1,r2\n",
            "",
        ),
        (
            "student id,sid\nr1,r2\n",
            "R:1:1: expected one column for `student`, saw `student id`, `sid`; "
            "say which it is with --column student=HEADING, or remove the other",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(refused, load, content: str, said: str) -> None:
    if said:
        assert refused(content) == said
    else:
        assert load(content).people[0].student == "r2"


@pytest.mark.parametrize(
    ("encoding", "seen"),
    [
        ("utf-16", "R:1:1: expected UTF-8, saw UTF-16; "),
        ("utf-16-le", "R:1:1: expected UTF-8, saw UTF-16; "),
        ("big5", "R:2:4: expected UTF-8, saw the byte 0xA4 (the file may be in Big5); "),
        ("gb18030", "R:2:4: expected UTF-8, saw the byte 0x"),
    ],
)
def test_other_encodings_are_named(refused, encoding: str, seen: str) -> None:
    said = refused("id,name\nr1,王小明\n".encode(encoding))
    assert said.startswith(seen) and said.endswith("save it as CSV in UTF-8 (in Excel: `CSV UTF-8`)")


def test_many_problems_are_cut(refused) -> None:
    said = refused("id\n" + "r1\n" * 40)
    assert len(said.splitlines()) == 21 and said.endswith("and 19 more")
