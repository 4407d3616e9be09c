"""One line of the rubric, by a table."""

import pytest

from harness.grading.rubric import Measured, award
from harness.model.assignment import RubricItem
from harness.model.result import Score

SCORE = Score(
    perplexity=12.0, corpus_perplexity=9.0, bits_per_character=2.0, base_perplexity=50.0, examples=3, tokens=30
)
BASELINES = {"public": 12.0, "strong": 8.0}


@pytest.mark.parametrize(
    ("metric", "baseline", "measured", "earned", "reason"),
    [
        ("valid_predictions", None, Measured(valid_predictions=True, score=None), 2.0, "predictions are valid"),
        ("valid_predictions", None, Measured(valid_predictions=False, score=SCORE), 0.0, "predictions are not valid"),
        (
            "perplexity",
            "public",
            Measured(valid_predictions=False, score=SCORE),
            2.0,
            "perplexity 12.000 is at most 12 (public)",
        ),
        (
            "corpus_perplexity",
            "strong",
            Measured(valid_predictions=True, score=SCORE),
            0.0,
            "corpus perplexity 9.000 is above 8 (strong)",
        ),
        ("perplexity", "strong", Measured(valid_predictions=True, score=None), 0.0, "not scored"),
    ],
)
def test_table(metric: str, baseline: str | None, measured: Measured, earned: float, reason: str) -> None:
    item = RubricItem(name="line", points=2.0, metric=metric, baseline=baseline)  # type: ignore[arg-type]
    points = award(item, measured, baselines=BASELINES)
    assert (points.earned, points.possible, points.reason) == (earned, 2.0, reason)
