"""A `Finding`: one thing that the student caused. Must not know how it is shown or where it is stored."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.language import NOTHING, Message, message, verbatim
from harness.model.catalogue import CATALOGUE
from harness.text import visible

LINE_SHOWN = 4_000


class Severity(StrEnum):
    """How much a finding weighs: only an error fails its stage."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a finding lies: a path inside the submission, a 1-based line and column, or a JSON pointer."""

    path: str
    line: int | None = None
    column: int | None = None
    pointer: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        return f"{place} at {self.pointer}" if self.pointer else place

    @property
    def words(self) -> Message:
        """The same, to be said in any language."""
        if not self.pointer:
            return verbatim(str(self))
        return message("{place} at {pointer}", place=str(replace(self, pointer=None)), pointer=self.pointer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the student caused.

    Attributes:
        code: Stable code out of the catalogue, such as ``RUN003``.
        title: The catalogue's short name of it.
        seen: What was seen. Public: never a reference text, private input or host path, and so nothing that a student's
            program wrote while it could read private input.
        limit: What was allowed or expected; empty where the title says it.
        fix: What the student can do.
        where: File and line, or JSON pointer, if there is one.
        staff_detail: For the staff alone, or None: what the program wrote, word for word.
        excerpt: The line at `where` and below it a caret at the column, or None. Public, as `seen`.

    Texts are English; as messages they can be said in other languages, if the record kept how they were made.
    """

    code: str
    severity: Severity
    title: Message
    seen: Message
    limit: Message = NOTHING
    fix: Message
    where: Location | None = None
    staff_detail: str | None = None
    excerpt: str | None = None


def finding(
    code: str,
    seen: Message,
    *,
    limit: Message = NOTHING,
    fix: Message | None = None,
    where: Location | None = None,
    staff_detail: str | None = None,
    excerpt: str | None = None,
) -> Finding:
    """Make the finding `code`, with severity, title and usual remedy from the catalogue.

    Raises:
        KeyError: The catalogue holds no such code (a bug).
    """
    entry = CATALOGUE[code]
    if where:
        where = replace(where, path=visible(where.path), pointer=where.pointer and visible(where.pointer))
    return Finding(
        code=code,
        severity=Severity(entry.severity),
        title=entry.title,
        seen=_shown(seen),
        limit=_shown(limit),
        fix=_shown(fix or entry.fix),
        where=where,
        staff_detail=None if staff_detail is None else _shown(verbatim(staff_detail)),
        excerpt=None if excerpt is None else _lines(excerpt),
    )


def _shown(text: Message) -> Message:
    return verbatim(text).mapped(_lines)


def _lines(text: str) -> str:
    """Make control characters visible whatever the caller did, but keep lines."""
    return "\n".join(visible(line, LINE_SHOWN) for line in text.split("\n"))


def has_error(findings: Iterable[Finding]) -> bool:
    """Tell whether any finding is an error."""
    return any(one.severity is Severity.ERROR for one in findings)
