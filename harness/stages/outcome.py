"""Makes the StageResult at a stage's end: its status follows from the findings."""

import time
from collections.abc import Sequence
from dataclasses import replace

from harness.language import Message, message
from harness.model.finding import Finding, Severity, has_error
from harness.model.result import Receipt, StageResult, StageStatus

MOST_FINDINGS = 50


class Clock:
    """Measures the time since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def seconds(self) -> float:
        """Give the seconds since then."""
        return round(time.monotonic() - self._start, 3)


def _bounded(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Keep the first ones, errors before the rest, and let the last one say how many more there are."""
    if len(findings) <= MOST_FINDINGS:
        return findings
    kept = sorted(findings, key=lambda one: one.severity is not Severity.ERROR)[:MOST_FINDINGS]
    more = len(findings) - MOST_FINDINGS
    seen = message("{seen} (and {count} more findings of this stage)", seen=kept[-1].seen, count=more)
    return (*kept[:-1], replace(kept[-1], seen=seen))


def without_work(stage: str, status: StageStatus, summary: Message) -> StageResult:
    """Give the result of a stage that did nothing, or lost what it did."""
    return StageResult(stage=stage, status=status, summary=summary, duration_s=0.0)


def done(
    stage: str,
    clock: Clock,
    findings: Sequence[Finding],
    *,
    summary: Message,
    budget_s: float | None = None,
    receipt: Receipt | None = None,
) -> StageResult:
    """Close a stage: failed if any finding is an error."""
    return StageResult(
        stage=stage,
        status=StageStatus.FAILED if has_error(findings) else StageStatus.PASSED,
        summary=summary,
        duration_s=clock.seconds(),
        budget_s=budget_s,
        findings=_bounded(tuple(findings)),
        receipt=receipt,
    )
