"""One line of the rubric, as a pure function of what was measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.language import Message, Value, message
from harness.model.assignment import RubricItem
from harness.model.result import Points, Score, StageResult, StageStatus

_BEFORE_VALIDATE = ("intake", "fetch", "admit", "run")
METRICS = {"perplexity": message("perplexity"), "corpus_perplexity": message("corpus perplexity")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the stages found out.

    Attributes:
        valid_predictions: Whether the predictions are valid.
        score: None where there is none.
        failed_before: The stage whose failure left no predictions to look at; empty where there were some.
    """

    valid_predictions: bool
    score: Score | None
    failed_before: str = ""


def failed_before(stages: Iterable[StageResult]) -> str:
    """Name the stage whose failure left no predictions to look at; empty where they were looked at."""
    status = {one.stage: one.status for one in stages}
    if status.get("validate") is not StageStatus.SKIPPED:
        return ""
    return next((one for one in _BEFORE_VALIDATE if status.get(one) is StageStatus.FAILED), "")


def award(item: RubricItem, measured: Measured, *, baselines: Mapping[str, float]) -> Points:
    """Award all or none of the item's points. A metric earns them when it is at or under its baseline.

    Raises:
        KeyError: The item names a baseline that the base model lacks (refused when the assignment is loaded).
    """
    earned, reason = _decide(item, measured, baselines)
    return Points(name=item.name, earned=item.points if earned else 0.0, possible=item.points, reason=reason)


def _decide(item: RubricItem, measured: Measured, baselines: Mapping[str, float]) -> tuple[bool, Message]:
    if item.metric == "valid_predictions":
        return measured.valid_predictions, _validity(measured)
    if measured.score is None:
        return False, message("not scored")
    assert item.baseline is not None
    value: float = getattr(measured.score, item.metric)
    limit = baselines[item.baseline]
    said: dict[str, Value] = {"metric": METRICS[item.metric], "value": value, "limit": limit, "baseline": item.baseline}
    if value <= limit:
        return True, message("{metric} {value:.3f} is at most {limit:g} ({baseline})", **said)
    return False, message("{metric} {value:.3f} is above {limit:g} ({baseline})", **said)


def _validity(measured: Measured) -> Message:
    if measured.valid_predictions:
        return message("predictions are valid")
    if measured.failed_before:
        return message("no predictions: {stage} failed", stage=measured.failed_before)
    return message("predictions are not valid")
