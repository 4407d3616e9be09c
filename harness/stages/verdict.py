"""Verdict: hands what the stages found to the pure rubric."""

from collections.abc import Mapping

from harness.grading.rubric import Measured, failed_before
from harness.grading.verdict import decide
from harness.model.result import Score, StageResult, StageStatus, Verdict
from harness.model.submission import Submission
from harness.stages.context import Context


def verdict(
    context: Context, submission: Submission, stages: Mapping[str, StageResult], score: Score | None
) -> Verdict:
    """Give the points of one submission."""
    measured = Measured(
        valid_predictions=stages["validate"].status is StageStatus.PASSED,
        score=score,
        failed_before=failed_before(stages.values()),
    )
    return decide(
        context.assignment,
        context.base,
        measured,
        submitted_at=submission.submitted_at,
        extension=submission.extension,
    )
