"""How one grade became another: from, to, and which line of the rubric or of the late policy did it. Pure."""

from collections.abc import Iterator

from harness.model.regrade import SAME_POINTS, Move
from harness.model.result import Points, Verdict


def compare(submission_id: str, before: Verdict, after: Verdict) -> Move:
    """Hold two verdicts against each other."""
    return Move(
        id=submission_id,
        before=before.total,
        after=after.total,
        possible_before=before.possible,
        possible_after=after.possible,
        why=(*_rubric(before, after), *_late(before, after)),
    )


def _rubric(before: Verdict, after: Verdict) -> Iterator[str]:
    old: dict[str, Points] = {one.name: one for one in before.points}
    new: dict[str, Points] = {one.name: one for one in after.points}
    for name, one in old.items():
        if name not in new:
            yield f"{name}: dropped, was {one.earned:g} / {one.possible:g}"
        elif _differ(one.earned, new[name].earned):
            yield f"{name}: {one.earned:g} -> {new[name].earned:g} ({new[name].reason})"
    for name, one in new.items():
        if name not in old:
            yield f"{name}: new, {one.earned:g} / {one.possible:g} ({one.reason})"


def _late(before: Verdict, after: Verdict) -> Iterator[str]:
    if _differ(before.late_penalty, after.late_penalty):
        penalties = f"{before.late_penalty:g} -> {after.late_penalty:g}"
        yield f"Late penalty: {penalties} ({after.late_reason})"


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > SAME_POINTS
