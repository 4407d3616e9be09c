"""Where a run stands, added up from its events. Must not print: see `run_view` and `metrics`."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.model.event import (
    Distrusted,
    Event,
    Interrupted,
    NodeChanged,
    Placed,
    Planned,
    Recorded,
    Retrying,
    StageEnded,
    StageStarted,
    Waiting,
)
from harness.model.result import Outcome, StageStatus

_FEW = 3
_SHARE = 0.1


@dataclass(slots=True, kw_only=True)
class Work:
    """What a submission that is under way does: the stage, since when (seconds of the clock), its budget."""

    stage: str
    since: float
    running: bool
    budget_s: float | None = None


@dataclass(slots=True)
class RunState:
    """Counts of a run; `on_event` may be called from several threads, readers hold `lock`.

    Attributes:
        clock: Gives seconds that only grow.
        total: How many submissions the run has, with those that were graded before.
        before: How many were graded before.
        outcomes: How many ended how, in this start.
        stages: How many results of each stage had each status.
        codes: How many submissions had each finding that is an error.
        under_way: What is done now, by submission.
        retries: How many tries ended in a fault and are made again.
        ending: Whether the user asked to end.
    """

    clock: Callable[[], float] = time.monotonic
    total: int = 0
    before: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    stages: dict[str, Counter[StageStatus]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    under_way: dict[str, Work] = field(default_factory=dict)
    retries: int = 0
    ending: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = 0.0

    def on_event(self, event: Event) -> None:
        """Take an event into account."""
        with self.lock:
            self._take(event)

    @property
    def done(self) -> int:
        """How many submissions ended in this start, graded or not."""
        return self.outcomes.total()

    @property
    def elapsed_s(self) -> float:
        """Seconds since this start."""
        return self.clock() - self._began

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes if it goes on like this; None before enough is done to tell.

        Those that failed early say nothing of the others: what counts has been through a student's program.
        """
        ended = self.stages.get("run", Counter())
        ran = ended.total() - ended[StageStatus.SKIPPED]
        if not self.done or ran < max(_FEW, _SHARE * (self.total - self.before)):
            return None
        return self.elapsed_s / self.done * max(0, self.total - self.before - self.done)

    def _take(self, event: Event) -> None:
        match event:
            case Planned():
                self.before, self.total = event.graded, event.graded + len(event.submissions)
                self._began = self.clock()
            case Waiting():
                self.under_way[event.submission] = Work(stage=event.stage, since=self.clock(), running=False)
            case StageStarted():
                self.under_way[event.submission] = Work(
                    stage=event.stage, since=self.clock(), running=True, budget_s=event.budget_s
                )
            case StageEnded():
                self.stages.setdefault(event.result.stage, Counter())[event.result.status] += 1
            case Retrying():
                self.retries += 1
                self.under_way.pop(event.submission, None)
            case Recorded():
                record = event.record
                self.under_way.pop(record.submission.id, None)
                self.outcomes[record.outcome] += 1
                self.codes.update(record.error_codes)
            case Interrupted():
                self.ending = True
            case Distrusted() | Placed() | NodeChanged():
                pass
