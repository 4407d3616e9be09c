"""Who handed in what: by ids alone, never by a guess."""

import pytest

from harness.model.roster import Person, Roster
from harness.report.exports.matching import match_rows, match_submissions


def roster(*people: Person, roles: tuple[str, ...] = ("student",)) -> Roster:
    return Roster(file="r.csv", roles=frozenset(roles), people=people)


def person(line: int, **values: str) -> Person:
    return Person(line=line, **values)


@pytest.mark.parametrize("written", ["r13921031", "R13921031", " r13921031 ", "ｒ１３９２１０３１", "r1392\u200b1031"])
def test_case_white_space_and_unicode_variants_are_the_same_id(written: str) -> None:
    found = match_submissions(["r13921031"], roster(person(2, student=written)))
    assert found.people["r13921031"].line == 2 and not found.problems and not found.unknown


def test_two_submissions_of_one_student_are_a_problem() -> None:
    found = match_submissions(["r13921031", "R13921031"], roster(person(2, student="r13921031")))
    assert found.problems == ("r13921031 and R13921031 are both of line 2 of r.csv: one student, two submissions",)
    by_two = roster(person(5, sis_user_id="r13921031", sis_login_id="ann"), roles=("sis_user_id", "sis_login_id"))
    found = match_submissions(["r13921031", "ann"], by_two)
    assert (list(found.people), found.unknown) == (
        ["r13921031"],
        {"ann": "line 5 of r.csv has it, but belongs to r13921031"},
    )


@pytest.mark.parametrize("role", ["sis_login_id", "username", "email"])
def test_who_chose_the_id_of_another_gets_no_grade_of_theirs(role: str) -> None:
    people = (person(2, sis_user_id="r2", **{role: "r1"}), person(3, sis_user_id="r3"))
    found = match_submissions(["r1", "r3"], roster(*people, roles=("sis_user_id", role)))
    assert ({one: each.line for one, each in found.people.items()}, found.problems) == ({"r3": 3}, ())
    assert found.unknown == {"r1": "line 2 of r.csv has it, but belongs to r2"}


def test_ids_of_another_kind_contradict_nobody() -> None:
    people = (person(2, sis_user_id="10001", sis_login_id="r1"), person(3, sis_login_id="r2", email="x@y"))
    found = match_submissions(["r1", "r2"], roster(*people, roles=("sis_user_id", "sis_login_id", "email")))
    assert {one: each.line for one, each in found.people.items()} == {"r1": 2, "r2": 3}


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"student": "r1", "email": "a@x"}, {"id_number": "r2", "email": "b@x"}),
        ({"student": "r1"}, {"id_number": "r2"}),
        ({"username": "a"}, {"username": "b"}),
        ({"email": "a@x"}, {"email": "b@x"}),
        ({"student": "r1", "email": "a@x"}, {"id_number": "r2", "email": "a@x"}),
        ({"username": "a", "email": "a@x"}, {"username": "b", "email": "a@x"}),
    ],
)
def test_a_row_that_contradicts_is_another_s(here: dict[str, str], there: dict[str, str]) -> None:
    other = person(7, name="Wang Wei", **there)
    assert match_rows([person(2, name="Wang Wei", **here)], roster(other)) == ({}, ())
    own = person(8, name="Wang Wei", **here)
    assert match_rows([person(2, name="Wang Wei", **here)], roster(other, own)) == ({2: own}, ())


def test_the_same_id_is_the_same_person_with_another_address() -> None:
    row = person(7, id_number="r1", email="ann@home")
    assert match_rows([person(2, student="R1", email="ann@school")], roster(row)) == ({2: row}, ())


def test_an_id_of_two_people_is_a_problem() -> None:
    two = roster(person(2, sis_user_id="ann"), person(9, email="ann@x.example"), roles=("sis_user_id", "email"))
    found = match_submissions(["ann"], two)
    assert found.problems == ("ann: lines 2 and 9 of r.csv both have this id",)
    assert not found.people


def test_student_ids_alone_count_where_there_are_any() -> None:
    mixed = roster(person(2, student="r1"), person(3, student="r2", username="r1"), roles=("student", "username"))
    assert match_submissions(["r1"], mixed).people["r1"].line == 2


def test_unknown_ids_come_with_a_hint() -> None:
    found = match_submissions(["r13921013", "zzz"], roster(person(4, student="r13921031")))
    assert found.unknown == {"r13921013": "did you mean `r13921031` (line 4)?", "zzz": ""}


def test_no_hint_leads_to_a_row_whose_owner_is_there() -> None:
    found = match_submissions(["r13921002", "r13921001"], roster(person(2, student="r13921001")))
    assert found.unknown == {"r13921002": ""}


def test_names_and_canvas_numbers_are_no_ids() -> None:
    one = roster(person(2, student="r1", name="r2", canvas_id="r3", section="r4"))
    assert list(match_submissions(["r2", "r3", "r4"], one).unknown) == ["r2", "r3", "r4"]


def test_rows_of_another_table_by_id_then_user_address_name() -> None:
    people = [
        person(2, student="r1", name="Ann"),
        person(3, student="r2", username="BEN"),
        person(4, student="r3", email="c@x"),
        person(5, student="r4", name="Ｄan  "),
        person(6, student="r5"),
    ]
    sheet = roster(
        person(2, name="Dan"),
        person(3, email="C@x"),
        person(4, username="ben"),
        person(5, id_number="R1", name="Someone else"),
        person(6, name="Eve"),
    )
    rows, problems = match_rows(people, sheet)
    assert ({line: row.line for line, row in rows.items()}, problems) == ({2: 5, 3: 4, 4: 3, 5: 2}, ())


def test_a_name_that_two_have_is_a_problem_and_so_is_a_row_of_two() -> None:
    sheet = roster(person(2, name="Ann"), person(3, name="ann"))
    _, problems = match_rows([person(2, student="r1", name="Ann")], sheet)
    assert problems == ("r1: lines 2 and 3 of r.csv fit, and nothing tells which is meant",)
    both = [person(2, student="r1", name="Ann"), person(3, student="r2", name="Ann")]
    _, problems = match_rows(both, roster(person(7, name="Ann")))
    assert problems == ("r1 and r2 are both of line 7 of r.csv",)
