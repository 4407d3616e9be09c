"""A submission as one row of the overview. Must not know what a page looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from harness.language import message
from harness.model.result import Outcome, Record


class Standing(StrEnum):
    """How a submission of the run stands: the outcome of its record, or that there is none to go by."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_GRADED = "not_graded"
    UNTRUSTED = "untrusted"
    MISSING = "missing"


STANDING_WORDS: Mapping[Standing, str] = MappingProxyType(
    {
        Standing.PASSED: message("passed"),
        Standing.FAILED: message("errors found"),
        Standing.NOT_GRADED: message("not graded"),
        Standing.UNTRUSTED: message("cannot be trusted"),
        Standing.MISSING: message("no record"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A submission; what is not known is None.

    Attributes:
        id: Whose it is.
        page: File name of its page.
        standing: How it stands.
        total: Points.
        perplexity: The adapter's.
        errors: Codes of error findings, each once.
        notes: Codes of the other findings, each once.
        late_penalty: Points taken off.
        late_tokens: Tokens spent.
        late_reason: Why.
        duration_s: All stages together, without waiting.
    """

    id: str
    page: str
    standing: Standing
    total: float | None = None
    perplexity: float | None = None
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    late_penalty: float | None = None
    late_tokens: int = 0
    late_reason: str = ""
    duration_s: float | None = None


def row_of(record: Record, *, page: str) -> Row:
    """Put a record in a row."""
    verdict = record.verdict
    return Row(
        id=record.submission.id,
        page=page,
        standing=standing_of(record.outcome),
        total=verdict.total if verdict else None,
        perplexity=record.score.perplexity if record.score else None,
        errors=record.error_codes,
        notes=tuple(sorted({one.code for one in record.findings}.difference(record.error_codes))),
        late_penalty=verdict.late_penalty if verdict else None,
        late_tokens=verdict.late_tokens if verdict else 0,
        late_reason=verdict.late_reason if verdict else "",
        duration_s=sum(one.duration_s for one in record.stages),
    )


def standing_of(outcome: Outcome) -> Standing:
    """Give how a submission with such a record stands."""
    return Standing(outcome.value)
