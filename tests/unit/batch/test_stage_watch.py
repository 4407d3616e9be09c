"""Where a node dies in a stage, that stage is told to have ended, so that what counts them stays right."""

import pytest

from harness.batch.stage_watch import StageWatch
from harness.model.event import Event, StageEnded, StageStarted, Waiting
from harness.model.result import StageResult, StageStatus

ENDED = StageEnded(
    submission="r1",
    result=StageResult(stage="fetch", status=StageStatus.PASSED, summary="", duration_s=1.0),
)
WAITING, STARTED = (
    Waiting(submission="r1", stage="run", lane="run"),
    StageStarted(submission="r1", stage="run", budget_s=9.0),
)


@pytest.mark.parametrize(
    ("before", "kinds"),
    [
        ([], []),
        ([ENDED], []),
        ([ENDED, WAITING], [StageStarted, StageEnded]),
        ([ENDED, WAITING, STARTED], [StageEnded]),
    ],
)
def test_what_was_open_is_ended(before: list[Event], kinds: list[type]) -> None:
    told: list[Event] = []
    watch = StageWatch("r1", told.append)
    for event in before:
        watch.on_event(event)
    assert told == before
    watch.end_stage()
    assert [type(one) for one in told[len(before) :]] == kinds
    if kinds:
        last = told[-1]
        assert isinstance(last, StageEnded)
        assert (last.submission, last.result.stage, last.result.status) == ("r1", "run", StageStatus.FAULT)
        assert last.result.summary == "its node is gone"
