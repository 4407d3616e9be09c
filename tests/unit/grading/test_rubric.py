"""One line of the rubric, by a table."""

import pytest

from harness.grading.rubric import Measured, award, failed_before
from harness.model.assignment import RubricItem
from harness.model.result import Score, StageResult, StageStatus

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
            "valid_predictions",
            None,
            Measured(valid_predictions=False, score=SCORE, failed_before="run"),
            0.0,
            "no predictions: run failed",
        ),
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


@pytest.mark.parametrize(
    ("ends", "stage"),
    [
        ("fetch=failed admit=skipped render=skipped run=skipped validate=skipped", "fetch"),
        ("fetch=passed admit=failed render=failed run=skipped validate=skipped", "admit"),
        ("fetch=passed admit=passed render=failed run=failed validate=skipped", "run"),
        ("fetch=passed admit=passed render=failed run=passed validate=failed", ""),
        ("fetch=passed admit=passed render=failed run=passed validate=passed", ""),
    ],
)
def test_what_failed_before_there_were_predictions(ends: str, stage: str) -> None:
    pairs = (one.split("=") for one in ends.split())
    stages = [StageResult(stage=name, status=StageStatus(end), summary="", duration_s=0.0) for name, end in pairs]  # type: ignore[arg-type]
    assert failed_before(stages) == stage
