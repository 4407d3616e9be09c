"""Gradebooks that import what was exported, by the rules that Canvas and Moodle have; written for these tests alone."""

import csv
import io
import re
from dataclasses import dataclass, field


@dataclass
class CanvasUser:
    canvas_id: int
    name: str
    sis_user_id: str = ""
    sis_login_id: str = ""


@dataclass
class CanvasImport:
    grades: dict[int, str] = field(default_factory=dict)
    new_students: list[str] = field(default_factory=list)
    new_assignments: list[str] = field(default_factory=list)
    points_possible: dict[str, str] = field(default_factory=dict)


def import_canvas(text: str, users: list[CanvasUser], assignments: dict[int, str]) -> CanvasImport:
    """Import as Canvas does: positional columns, an assignment by its number, a student by ID, SIS ids, name."""
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    head, done = rows[0], CanvasImport()
    assert head[0] == "Student" and head[1] == "ID" and len(head) > 5
    assert (head[2], head[3], head[4]) == ("SIS User ID", "SIS Login ID", "Section")
    for at, title in enumerate(head[5:], start=5):
        numbered = re.fullmatch(r"(.*) \((\d+)\)", title)
        known = (numbered and int(numbered[2]) in assignments) or title in assignments.values()
        if not known:
            done.new_assignments.append(title)
        for row in rows[1:]:
            if "Points Possible" in row[0]:
                done.points_possible[title] = row[at]
                continue
            user = _canvas_user(row, users)
            if user is None:
                done.new_students.append(row[0])
            else:
                assert row[at] in {"", "EX"} or float(row[at]) >= 0
                done.grades[user.canvas_id] = row[at]
    return done


def _canvas_user(row: list[str], users: list[CanvasUser]) -> CanvasUser | None:
    if row[1]:
        return next((one for one in users if str(one.canvas_id) == row[1]), None)
    for value, key in ((row[2], "sis_user_id"), (row[3], "sis_login_id"), (row[0], "name")):
        if found := [one for one in users if value and getattr(one, key) == value]:
            return found[0]
    return None


@dataclass
class WorksheetWords:
    identifier: str = "Identifier"
    participant: str = "Participant "
    grade: str = "Grade"
    modified: str = "Last modified (grade)"
    feedback: str = "Feedback comments"


def import_worksheet(
    content: bytes, *, maximum: float, participants: set[int], words: WorksheetWords | None = None, separator: str = ","
) -> dict[int, tuple[float, str]]:
    """Import as Moodle does: rows by the number in `Identifier`, no grade below 0 or above the maximum."""
    words = words or WorksheetWords()
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator, strict=True)
    head = next(rows)
    places = [head.index(one) for one in (words.identifier, words.grade, words.modified, words.feedback)]
    grades = {}
    for row in rows:
        name, grade, _, feedback = (row[at] for at in places)
        number = int(name[len(words.participant) :])
        if number in participants and grade and 0 <= float(grade.replace(",", ".")) <= maximum:
            grades[number] = (float(grade.replace(",", ".")), feedback)
    return grades


class ImportAborted(Exception):
    """Moodle imports nothing at all."""


def import_moodle_gradebook(text: str, users: dict[str, int], *, identity: str, title: str) -> dict[int, float]:
    """Import as Moodle's gradebook does: the first unknown user or grade that is no number ends it."""
    grades = {}
    for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
        if row[identity].strip() not in users:
            raise ImportAborted(f"unknown user {row[identity]}")
        value = row[title].strip()
        if value and not re.fullmatch(r"-?\d+([.,]\d+)?", value):
            raise ImportAborted(f"no number: {value}")
        grades[users[row[identity].strip()]] = float(value)
    return grades


def formulas(text: str, *, separators: str = ",;\t") -> list[str]:
    """Give the cells that a spreadsheet would run, whichever of the separators it is set to."""
    found = []
    for separator in separators:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                bare = cell.lstrip(" \u00a0\u3000\ufeff\u200b\x00")
                if (
                    bare[:1]
                    and bare[0] in "=+-@＝＋－＠\t\r\n"
                    and not re.fullmatch(r"[+-]?\d+([.,]\d+)?|-", bare.strip())
                ):
                    found.append(cell)
    return found
