"""Makes the StageResult at a stage's end: its status follows from the findings."""

import time
from collections.abc import Sequence

from harness.model.finding import Finding, has_error
from harness.model.result import Receipt, StageResult, StageStatus


class Clock:
    """Measures the time since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def seconds(self) -> float:
        """Give the seconds since then."""
        return round(time.monotonic() - self._start, 3)


def done(
    stage: str,
    clock: Clock,
    findings: Sequence[Finding],
    *,
    summary: str,
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
        findings=tuple(findings),
        receipt=receipt,
    )
