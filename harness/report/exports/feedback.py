"""What a student is told of a record, as plain lines in the student's language. Public content only.

No staff detail, no fault's own words (they may name paths of the grading machine), no evidence.
"""

from collections.abc import Iterator

from harness.language import Language
from harness.model.finding import Finding, Severity
from harness.model.result import Record
from harness.report.severities import errors_first


def is_graded(record: Record) -> bool:
    """Tell whether the record has points; a fault of ours never gives any."""
    return record.verdict is not None and record.fault is None


def is_checked(record: Record) -> bool:
    """Tell whether the record is of a check that gives no points."""
    return record.verdict is None and record.fault is None


def points_of(record: Record) -> float | None:
    """Give the points, or None where the submission was not graded."""
    return record.verdict.total if record.verdict and is_graded(record) else None


def not_graded_words(t: Language) -> str:
    """Say that a submission has no grade, and that it is not to blame."""
    return t(
        "Not graded: the grading machine had a fault. Your submission is not to blame, and no points are lost. "
        "The course staff will grade it again."
    )


def checked_words(record: Record, t: Language) -> str:
    """Say what a check found that runs nothing, and that it is no grade."""
    errors = sum(one.severity is Severity.ERROR for one in record.findings)
    found = t("Errors found: {count}. With them the submission will lose points.", count=errors)
    return t(
        "{found} This is a check of files and adapter, not the grade: the submission was not run here.",
        found=found if errors else t("No error found."),
    )


def severity_words(severity: Severity, t: Language) -> str:
    """Name a severity."""
    return {Severity.ERROR: t("Error"), Severity.WARNING: t("Warning"), Severity.INFO: t("Note")}[severity]


def status_words(record: Record, t: Language) -> str:
    """Give the points in a sentence, or why there are none."""
    if is_checked(record):
        return checked_words(record, t)
    if record.verdict is None or not is_graded(record):
        return not_graded_words(t)
    return t("{total:g} of {possible:g} points.", total=record.verdict.total, possible=record.verdict.possible)


def feedback_lines(record: Record, t: Language) -> Iterator[str]:
    """Give the feedback in short: points with reasons, then what was found with what to do."""
    yield status_words(record, t)
    if record.verdict and is_graded(record):
        for one in record.verdict.points:
            yield t(
                "{line}: {earned:g} of {possible:g} ({reason})",
                line=one.name,
                earned=one.earned,
                possible=one.possible,
                reason=t.of(one.reason),
            )
        penalty = record.verdict.late_penalty
        yield (
            t("Late penalty: {points:g} ({reason})", points=penalty, reason=t.of(record.verdict.late_reason))
            if penalty
            else t("Late policy: {reason}", reason=t.of(record.verdict.late_reason))
        )
    for finding in errors_first(record.findings):
        yield from finding_lines(finding, t)


def finding_head(finding: Finding, t: Language) -> str:
    """Give a finding's severity, code, title and place."""
    place = f" ({t.of(finding.where.words)})" if finding.where else ""
    return f"{severity_words(finding.severity, t)} {finding.code}: {t.of(finding.title)}{place}"


def finding_lines(finding: Finding, t: Language) -> Iterator[str]:
    """Give a finding: its title and place, what was seen, the limit, how to fix it."""
    yield finding_head(finding, t)
    yield t("Seen: {text}", text=t.of(finding.seen))
    if finding.limit:
        yield t("Limit: {text}", text=t.of(finding.limit))
    yield t("What to do: {text}", text=t.of(finding.fix))
