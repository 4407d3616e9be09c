"""Follows the events of one submission that is graded elsewhere. Must not know where."""

from harness.language import message
from harness.model.event import Event, OnEvent, StageEnded, StageStarted, Waiting
from harness.model.result import StageStatus
from harness.stages.outcome import without_work


class StageWatch:
    """Passes the events of a submission on; ends the stage it is in where its node dies."""

    def __init__(self, submission_id: str, on_event: OnEvent) -> None:
        self._id = submission_id
        self._on_event = on_event
        self._stage = ""
        self._started = False

    def on_event(self, event: Event) -> None:
        """Pass an event on."""
        match event:
            case Waiting():
                self._stage, self._started = event.stage, False
            case StageStarted():
                self._started = True
            case StageEnded():
                self._stage = ""
        self._on_event(event)

    def end_stage(self) -> None:
        """Tell the end that nobody else tells any more, so that counts of what waits and runs stay right."""
        if not self._stage:
            return
        if not self._started:
            self._on_event(StageStarted(submission=self._id, stage=self._stage, budget_s=None))
        gone = without_work(self._stage, StageStatus.FAULT, message("its node is gone"))
        self._on_event(StageEnded(submission=self._id, result=gone))
