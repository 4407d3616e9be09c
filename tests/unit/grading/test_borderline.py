"""Which scores are near a threshold, by a table."""

import pytest

from harness.grading.borderline import near_thresholds
from harness.model.assignment import RubricItem
from harness.model.result import Score

RUBRIC = (
    RubricItem(name="Runs", points=4, metric="valid_predictions"),
    RubricItem(name="Public", points=4, metric="perplexity", baseline="public"),
    RubricItem(name="Corpus", points=2, metric="corpus_perplexity", baseline="public"),
)


@pytest.mark.parametrize(
    ("perplexity", "corpus", "lines", "distance", "earned"),
    [
        (20.0, 15.0, ["Public"], 0.0, True),
        (20.0999999, 15.0, ["Public"], 0.005, False),
        (20.1000001, 15.0, [], None, None),
        (19.9000001, 15.0, ["Public"], -0.005, True),
        (19.8999999, 15.0, [], None, None),
        (30.0, 20.05, ["Corpus"], 0.0025, False),
        (19.99, 20.01, ["Public", "Corpus"], -0.0005, True),
    ],
)
def test_table(perplexity: float, corpus: float, lines: list[str], distance: float | None, earned: bool | None) -> None:
    score = Score(
        perplexity=perplexity,
        corpus_perplexity=corpus,
        bits_per_character=2.0,
        base_perplexity=50.0,
        examples=3,
        tokens=30,
    )
    found = near_thresholds("r1", score, rubric=RUBRIC, baselines={"public": 20.0, "unused": 30.0}, tolerance=0.005)
    assert [one.line for one in found] == lines
    if found:
        assert found[0].distance == pytest.approx(distance, abs=1e-7)
        assert (found[0].id, found[0].earned) == ("r1", earned)
