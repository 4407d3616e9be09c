"""Grades for a learning platform: who of the course gets which points. Must not know how a platform writes them down.

Nothing is written while anything is not clear: a grade in a stranger's row is worse than none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.batch.reported import Reported
from harness.batch.wanted import Exported, Format, Taken, Wanted, names, title_of
from harness.errors import ConfigError
from harness.language import Language
from harness.model.result import Record
from harness.model.roster import Person, Roster
from harness.report.exports.canvas import CanvasColumn, canvas_csv, column_notes, is_excused
from harness.report.exports.cells import neutral
from harness.report.exports.feedback import feedback_lines, points_of
from harness.report.exports.matching import Matched, match_rows, match_submissions
from harness.report.exports.moodle import IDENTITIES, Given, filled, gradebook_csv, identity_of, maxima, refused
from harness.schema.columns import SHEET, find_columns, known_headings, missing_column
from harness.schema.problem import DocumentError
from harness.schema.roster import load_roster, roster_of
from harness.schema.table import Table, load_table, wrong_table

_MOST_LISTED = 20
_WORKSHEET = "Export it from the assignment in Moodle: `View all submissions` > `Download grading worksheet`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The people of a course with what they handed in.

    Attributes:
        roster: The people.
        records: The record of each person that has one, by the person's line.
        handed_in: The lines of all people with a submission, with those whose record does not count.
        unknown: Submissions of nobody in the roster.
    """

    roster: Roster
    records: Mapping[int, Record]
    handed_in: frozenset[int]
    unknown: tuple[str, ...]

    def missing(self) -> list[Person]:
        """Give the people without a submission."""
        return [one for one in self.roster.people if one.line not in self.handed_in]


def gradebook(reported: Reported, taken: Taken, form: Format, wanted: Wanted, *, t: Language) -> Exported:
    """Make the text of a gradebook's format.

    Raises:
        ConfigError: Roster or worksheet cannot be read, or do not fit the run.
    """
    if form == "moodle":
        return _worksheet(taken, wanted, t=t)
    assert wanted.roster is not None
    roster = load_roster(wanted.roster, columns=wanted.columns)
    course = _course(taken, roster, wanted)
    if form == "canvas":
        return _canvas(reported, taken, course, wanted)
    return _moodle_gradebook(reported, taken, course, wanted, t=t)


def _canvas(reported: Reported, taken: Taken, course: Course, wanted: Wanted) -> Exported:
    assert wanted.title is not None
    column = CanvasColumn(title=wanted.title, possible=_possible(reported, taken))
    excused = [one for one in course.roster.people if is_excused(one, wanted.title)]
    notes = list(column_notes(column, course.roster))
    if excused:
        notes.append(f"excused in Canvas, and still so: {names([one.shown for one in excused])}")
    out_of_reach = [one.shown for one in course.roster.people if not one.canvas_id and _is_changed(one)]
    if out_of_reach:
        notes.append(f"Canvas will not know these ids behind the apostrophe against formulas: {names(out_of_reach)}")
    left = [one.line for one in excused]
    notes += _people_notes(taken, course, wanted, excused=left)
    text = canvas_csv(column, course.roster.people, _points(course, wanted))
    return Exported(text=text, notes=tuple(notes), complete=_is_complete(taken, course))


def _moodle_gradebook(reported: Reported, taken: Taken, course: Course, wanted: Wanted, *, t: Language) -> Exported:
    points = _points(course, wanted)
    people = [one for one in course.roster.people if points(one) is not None]
    identity = identity_of(people, lambda role: role in course.roster.roles)
    if identity is None:
        raise ConfigError(
            f"{course.roster.file} has no column that names all of them to Moodle: {' or '.join(IDENTITIES.values())}.",
            remedy="Use a list that Moodle exported, or say which column it is: --column username=HEADING.",
        )
    changed = [one for one in people if neutral(getattr(one, identity)) != getattr(one, identity)]
    rows = [
        (one, Given(points=points(one) or 0.0, feedback=_feedback(course.records.get(one.line), t)))
        for one in people
        if one not in changed
    ]
    notes = _people_notes(taken, course, wanted)
    if changed:
        notes.append(f"left out, their {IDENTITIES[identity]} reads as a formula: {names([x.shown for x in changed])}")
    notes.append(f"in Moodle, map `{IDENTITIES[identity]}` to users and `Feedback` to the feedback of the grade")
    text = gradebook_csv(wanted.title or title_of(reported), identity, rows)
    return Exported(text=text, notes=tuple(notes), complete=_is_complete(taken, course) and not changed)


def _worksheet(taken: Taken, wanted: Wanted, *, t: Language) -> Exported:
    assert wanted.worksheet is not None
    path = wanted.worksheet
    table = load_table(path, what="worksheet", remedy=_WORKSHEET)
    columns, sheet = _sheet(table, path, wanted)
    roster = load_roster(wanted.roster, columns=wanted.columns, elsewhere=table.header) if wanted.roster else sheet
    course = _course(taken, roster, wanted)
    rows, problems = match_rows(roster.people, sheet) if wanted.roster else ({x.line: x for x in sheet.people}, ())
    points = _points(course, wanted)
    given = {
        rows[one.line].line: Given(points=earned, feedback=_feedback(course.records.get(one.line), t))
        for one in roster.people
        if one.line in rows and (earned := points(one)) is not None
    }
    _refuse([*problems, *refused(table, columns, given)], f"The grades do not fit {path}")
    notes = _people_notes(taken, course, wanted)
    absent = [x.shown for x in roster.people if x.line in course.records and x.line not in rows]
    if absent:
        notes.append(f"left out, not in {path}: {names(absent)}")
    possible = _most_possible(taken)
    if other := sorted(maxima(table, columns) - {possible}):
        notes.append(f"Moodle's maximum grade is {other[0]:g}, and these grades are out of {possible:g}")
    complete = _is_complete(taken, course) and not absent
    return Exported(text=filled(table, columns, given), notes=tuple(notes), complete=complete)


def _sheet(table: Table, path: Path, wanted: Wanted) -> tuple[Mapping[str, int], Roster]:
    """Find the columns of a worksheet, and read it as a list of people.

    With a roster, what was said of columns may be meant for that one.
    """
    given = wanted.columns if wanted.roster is None else known_headings(table, wanted.columns)
    try:
        columns = find_columns(table, SHEET, given=given)
        for role in ("identifier", "grade"):
            if role not in columns:
                raise DocumentError(missing_column(table, (role,)))
        return columns, roster_of(table, columns=given, worksheet=True, by_name=wanted.roster is not None)
    except DocumentError as error:
        raise wrong_table(path, error.problems, remedy=_WORKSHEET) from None


def _course(taken: Taken, roster: Roster, wanted: Wanted) -> Course:
    """Bring submissions and people together.

    Raises:
        ConfigError: It is not clear who somebody is, or a submission is of nobody and may not be left out.
    """
    found: Matched = match_submissions([*(one.submission.id for one in taken.records), *taken.left_out], roster)
    unknown = [f"{one}: not in {roster.file}{'; ' + hint if hint else ''}" for one, hint in found.unknown.items()]
    problems = [*found.problems, *([] if wanted.leave_out_unknown else unknown)]
    hint = "Correct the roster or the submission's name"
    also = "; --leave-out-unknown writes the rest without those that are not in it." if unknown else "."
    _refuse(problems, f"The submissions do not fit {roster.file}", remedy=hint + also)
    records = {found.people[one.submission.id].line: one for one in taken.records if one.submission.id in found.people}
    handed_in = frozenset(one.line for one in found.people.values())
    return Course(roster=roster, records=records, handed_in=handed_in, unknown=tuple(found.unknown))


def _refuse(problems: Iterable[str], what: str, *, remedy: str = "Mend the lines above; nothing was written.") -> None:
    if lines := [f"  {one}" for one in problems]:
        more = [f"  and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
        raise ConfigError("\n".join([f"{what}:", *lines[:_MOST_LISTED], *more]), remedy=remedy)


def _points(course: Course, wanted: Wanted) -> Callable[[Person], float | None]:
    """Give the function that gives a person's points: none without a grade, 0 for nothing handed in if so wanted."""

    def points(person: Person) -> float | None:
        if person.line not in course.handed_in:
            return 0.0 if wanted.missing == "zero" else None
        return points_of(course.records[person.line]) if person.line in course.records else None

    return points


def _people_notes(taken: Taken, course: Course, wanted: Wanted, *, excused: Iterable[int] = ()) -> list[str]:
    notes = list(taken.notes())
    if course.unknown:
        notes.append(f"left out, not in {course.roster.file}: {names(list(course.unknown))}")
    if missing := [one.shown for one in course.missing() if one.line not in excused]:
        what = "0 points" if wanted.missing == "zero" else "no grade"
        notes.append(f"{what}, nothing handed in: {names(missing)}")
    return notes


def _is_complete(taken: Taken, course: Course) -> bool:
    return not taken.left_out and not course.unknown


def _is_changed(person: Person) -> bool:
    return any(neutral(one) != one for one in (person.sis_user_id, person.sis_login_id, person.name))


def _feedback(record: Record | None, t: Language) -> tuple[str, ...]:
    return tuple(feedback_lines(record, t)) if record else ()


def _possible(reported: Reported, taken: Taken) -> float:
    if reported.assignment:
        return sum(one.points for one in reported.assignment.rubric)
    return _most_possible(taken)


def _most_possible(taken: Taken) -> float:
    return max((one.verdict.possible for one in taken.records if one.verdict), default=0.0)
