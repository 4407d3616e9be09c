"""All points of one submission from plain facts. Pure: regrading calls it again with other rules."""

from datetime import datetime

from harness.grading.late import lateness
from harness.grading.rubric import Measured, award
from harness.model.assignment import Assignment, BaseModel
from harness.model.extension import Extension
from harness.model.result import Verdict


def decide(
    assignment: Assignment,
    base: BaseModel,
    measured: Measured,
    *,
    submitted_at: datetime | None,
    extension: Extension | None = None,
) -> Verdict:
    """Add up the rubric and take the late penalty off; the total is never below 0."""
    points = tuple(award(item, measured, baselines=base.baselines) for item in assignment.rubric)
    earned = sum(one.earned for one in points)
    late = lateness(assignment.late, submitted_at, extension)
    penalty = round(earned * late.share, 6)
    return Verdict(
        points=points,
        late_penalty=penalty,
        late_reason=late.reason,
        late_tokens=late.tokens,
        total=max(0.0, round(earned - penalty, 6)),
        possible=sum(item.points for item in assignment.rubric),
    )
