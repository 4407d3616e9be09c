"""Moodle takes what is exported: the worksheet that it made, with grades in it; a gradebook file without strangers."""

import csv
import io
from pathlib import Path

import pytest

from harness.model.roster import Person
from harness.report.exports.moodle import Given, filled, gradebook_csv, html_of, identity_of, maxima, refused
from harness.schema.columns import find_columns
from harness.schema.table import Table, load_table
from tests.unit.report.exports.readers import (
    ImportAborted,
    WorksheetWords,
    formulas,
    import_moodle_gradebook,
    import_worksheet,
)

ENGLISH = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,\
Last modified (submission),Last modified (grade),Feedback comments
Participant 71,"Lee, Ann",ann@x.example,Submitted for grading,,10.00,Yes,"Monday, 2 November 2026, 9:00 AM",-,
Participant 72,"=cmd|' /C calc'!A0",ben@x.example,No submission,5.50,10.00,Yes,-,"Monday, 2 November 2026","<p>old
comment</p>"
Participant 73,王小明,chen@x.example,,,10.00,No,-,-,
"""
CHINESE = (
    "\ufeff識別碼;全名;電子郵件;狀態;成績;最高分;最後修改 (成績);回饋意見\r\n參與者 71;王;ann@x.example;;;10,00;-;\r\n"
)
CHINESE_WORDS = WorksheetWords("識別碼", "參與者 ", "成績", "最後修改 (成績)", "回饋意見")
ROLES = ("identifier", "grade", "maximum", "changeable", "feedback")


@pytest.fixture
def sheet(tmp_path: Path):
    def write(text: str) -> Table:
        path = tmp_path / "sheet.csv"
        path.write_bytes(text.encode())
        return load_table(path, what="worksheet", remedy="")

    return write


def test_golden_and_read_back(sheet, golden) -> None:
    table = sheet(ENGLISH)
    columns = find_columns(table, ROLES, given={})
    given = {2: Given(points=7.25, feedback=("7.25 of 10 points.", "<script>alert(1)</script> & so on"))}
    text = filled(table, columns, given)
    golden("moodle-worksheet.csv", text)
    assert formulas(text) == []
    read = import_worksheet(text.encode(), maximum=10.0, participants={71, 72, 73})
    comment = "7.25 of 10 points.<br>&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on"
    assert read == {71: (7.25, comment), 72: (5.5, "<p>old\ncomment</p>")}


def test_other_rows_and_columns_stay(sheet) -> None:
    table = sheet(ENGLISH)
    columns = find_columns(table, ROLES, given={})
    before = list(csv.reader(io.StringIO(ENGLISH)))
    after = list(csv.reader(io.StringIO(filled(table, columns, {2: Given(points=7.0)}))))
    assert after[0] == before[0] and after[3] == before[3]
    assert [one.removeprefix("'") for one in after[2]] == before[2]
    assert after[1] == [*before[1][:4], "7.0", *before[1][5:]]


def test_a_sheet_in_another_language_keeps_headings_mark_and_separator(sheet) -> None:
    table = sheet(CHINESE)
    columns = find_columns(table, ROLES, given={})
    text = filled(table, columns, {2: Given(points=9.5, feedback=("好", "a;b"))})
    assert text.startswith("\ufeff識別碼;全名;")
    read = import_worksheet(text.encode(), maximum=10.0, participants={71}, words=CHINESE_WORDS, separator=";")
    assert read == {71: (9.5, "好<br>a;b")}
    assert maxima(table, columns) == {10.0}


def test_what_moodle_would_pass_over_is_told(sheet) -> None:
    table = sheet(ENGLISH)
    columns = find_columns(table, ROLES, given={})
    told = list(refused(table, columns, {2: Given(points=10.5), 3: Given(points=10.0), 5: Given(points=1.0)}))
    assert told == [
        f"{table.file}:2: 10.5 points are more than the maximum grade of 10.00",
        f"{table.file}:5: Moodle says that this grade cannot be changed; unlock it in Moodle's grader report, then "
        "download the worksheet again",
    ]


def test_gradebook_golden_and_read_back(golden) -> None:
    people = [Person(line=n, student=f"r{n}", username=f"user{n}", email=f"u{n}@x.example") for n in (2, 3)]
    text = gradebook_csv("HW 1", "username", [(one, Given(points=7.5, feedback=("good",))) for one in people])
    golden("moodle-gradebook.csv", text)
    users = {"user2": 20, "user3": 30}
    assert import_moodle_gradebook(text, users, identity="Username", title="HW 1") == {20: 7.5, 30: 7.5}
    with pytest.raises(ImportAborted, match="unknown user user3"):
        import_moodle_gradebook(text, {"user2": 20}, identity="Username", title="HW 1")


def test_users_are_found_by_the_first_that_all_have() -> None:
    people = [Person(line=2, id_number="", username="ann", email="a@x"), Person(line=3, username="ben", email="b@x")]
    assert identity_of(people, lambda role: True) == "username"
    assert identity_of(people, lambda role: role == "email") == "email"
    assert identity_of(people, lambda role: role == "id_number") is None


def test_feedback_is_text_in_html() -> None:
    assert html_of(["a <b>", "c\nd & e"]) == "a &lt;b&gt;<br>c<br>d &amp; e"
