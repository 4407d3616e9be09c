"""One line of the rubric, as a pure function of what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.language import Message, message
from harness.model.assignment import RubricItem
from harness.model.result import Points, Score

METRICS = {"perplexity": message("perplexity"), "corpus_perplexity": message("corpus perplexity")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the stages found out: whether the predictions are valid, and the score if there is one."""

    valid_predictions: bool
    score: Score | None


def award(item: RubricItem, measured: Measured, *, baselines: Mapping[str, float]) -> Points:
    """Award all or none of the item's points. A metric earns them when it is at or under its baseline.

    Raises:
        KeyError: The item names a baseline that the base model lacks (refused when the assignment is loaded).
    """
    earned, reason = _decide(item, measured, baselines)
    return Points(name=item.name, earned=item.points if earned else 0.0, possible=item.points, reason=reason)


def _decide(item: RubricItem, measured: Measured, baselines: Mapping[str, float]) -> tuple[bool, Message]:
    if item.metric == "valid_predictions":
        words = message("predictions are valid") if measured.valid_predictions else message("predictions are not valid")
        return measured.valid_predictions, words
    if measured.score is None:
        return False, message("not scored")
    assert item.baseline is not None
    value: float = getattr(measured.score, item.metric)
    limit = baselines[item.baseline]
    name = METRICS[item.metric]
    if value <= limit:
        return True, message(
            "{metric} {value:.3f} is at most {limit:g} ({baseline})",
            metric=name,
            value=value,
            limit=limit,
            baseline=item.baseline,
        )
    return False, message(
        "{metric} {value:.3f} is above {limit:g} ({baseline})",
        metric=name,
        value=value,
        limit=limit,
        baseline=item.baseline,
    )
