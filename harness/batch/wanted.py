"""What an export is to be like, what came of it, and the submissions that it is made of. Must not know any format."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.batch.kept import Trusted
from harness.batch.reported import Reported
from harness.model.result import Record
from harness.report.exports.feedback import is_graded
from harness.report.exports.gradescope import Visibility

Format = Literal["html", "csv", "canvas", "moodle", "moodle-gradebook", "gradescope", "junit", "markdown"]
FOLDERS: frozenset[Format] = frozenset({"html", "gradescope", "markdown"})
ROSTERED: frozenset[Format] = frozenset({"canvas", "moodle", "moodle-gradebook"})
OnStep = Callable[[int, int], None]
NO_RECORD = "it has no record yet"
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for, beside the format.

    Attributes:
        target: Where to write; None gives the text to the caller.
        replace: Whether to write over an earlier export.
        audience: Whom an HTML report is for.
        roster: Who is in the course.
        worksheet: Moodle's exported worksheet.
        columns: Headings of roster and worksheet by what they are for, where they are not the usual ones.
        title: Heading of the grades.
        missing: What students of the roster without a submission get.
        leave_out_unknown: Leave out submissions that are of nobody in the roster, instead of refusing.
        visibility: When Gradescope shows results.
    """

    target: Path | None
    replace: bool = False
    audience: Literal["staff", "public"] = "staff"
    roster: Path | None = None
    worksheet: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    title: str | None = None
    missing: Literal["blank", "zero"] = "blank"
    leave_out_unknown: bool = False
    visibility: Visibility = "visible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of it.

    Attributes:
        text: What was made, where it was not written to a folder.
        notes: What the staff should know, a line each.
        complete: Whether every submission of the run is in it, graded or said to be not.
    """

    text: str = ""
    notes: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The submissions of a run: records, and why others have none that counts, by id."""

    records: tuple[Record, ...]
    left_out: Mapping[str, str]

    def notes(self) -> Iterator[str]:
        """Tell who has no grade."""
        yield from (f"left out: {name}: {why}" for name, why in self.left_out.items())
        if ungraded := [one.submission.id for one in self.records if not is_graded(one)]:
            yield f"not graded, so without points: {names(ungraded)}"


def take(reported: Reported, *, on_step: OnStep) -> Taken:
    """Read all submissions of a run, each held against its hashes."""
    records: list[Record] = []
    left_out: dict[str, str] = {}
    for number, one in enumerate(reported.kept(), start=1):
        if isinstance(one, Trusted):
            records.append(one.record)
        else:
            left_out[one.id] = one.reason
        on_step(number, len(reported.submissions))
    known = {one.submission.id for one in records} | left_out.keys()
    left_out |= {name: NO_RECORD for name in reported.submissions if name not in known}
    return Taken(records=tuple(records), left_out=left_out)


def names(ids: list[str]) -> str:
    """List ids, the first ones only where they are many."""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more


def title_of(reported: Reported) -> str:
    """Give the assignment's title, or its name where it is gone."""
    return reported.assignment.title if reported.assignment else reported.reference.name
