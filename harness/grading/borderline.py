"""Which scores lie so close to a threshold that another GPU could decide otherwise. Pure: the tolerance comes in."""

from collections.abc import Mapping, Sequence

from harness.model.assignment import RubricItem
from harness.model.regrade import Near
from harness.model.result import Score


def near_thresholds(
    submission_id: str,
    score: Score,
    *,
    rubric: Sequence[RubricItem],
    baselines: Mapping[str, float],
    tolerance: float,
) -> tuple[Near, ...]:
    """Give the lines of the rubric whose threshold is within the tolerance of the score.

    Args:
        submission_id: Whose score it is.
        score: Its figures.
        rubric: All lines; those without a baseline are left out.
        baselines: Thresholds by name, for the base model that was scored on.
        tolerance: Width of the band on either side, as a share of the threshold.
    """
    named = [(item, item.baseline) for item in rubric if item.baseline is not None]
    found = (
        Near(
            id=submission_id,
            line=item.name,
            metric=item.metric,
            baseline=baseline,
            score=getattr(score, item.metric),
            threshold=baselines[baseline],
        )
        for item, baseline in named
    )
    return tuple(one for one in found if abs(one.score - one.threshold) <= tolerance * one.threshold)
