"""Grades the submissions of a run on this machine, several at a time, and tells how it went. Must not know a stage.

A thread takes one submission after another. A fault that is not the submission's is tried again a little later, since
engines get restarted and hosts come back; when one submission after another ends so, the run stops: what is wrong is
not theirs, and `--resume` goes on when it is mended.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.batch.pipeline import BUG, fault_of
from harness.errors import EXIT_BUG, EXIT_PASSED, Cancelled, ConfigError, EnvironmentFault, HostFault, SandboxFault
from harness.model.event import Interrupted, OnEvent, Recorded, Retrying
from harness.model.result import Fault, Outcome, Record
from harness.model.submission import Submission

PAUSES_S = (2.0, 10.0, 30.0)
FAULTS_IN_A_ROW = 5
_LOOK_S = 0.1
FAULT_CODES = {BUG: EXIT_BUG} | {
    kind.__name__: kind.exit_code for kind in (ConfigError, EnvironmentFault, HostFault, SandboxFault)
}
Grade = Callable[[Submission, int], Record]
PASSING = (EnvironmentFault.__name__, SandboxFault.__name__)


@dataclass(slots=True, kw_only=True)
class Tally:
    """How a run went so far.

    Attributes:
        graded: How many have a grade, by outcome.
        not_graded: Why the others have none, by submission.
        stopped: The fault at which the run was given up, or None.
        interrupted: Whether the user ended it.
    """

    graded: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys((Outcome.PASSED, Outcome.FAILED), 0))
    not_graded: dict[str, Fault] = field(default_factory=dict)
    stopped: Fault | None = None
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """Give the exit code of the command line: 0 where all are graded."""
        faults = [*self.not_graded.values(), *([self.stopped] if self.stopped else [])]
        return max(map(fault_code, faults), default=EXIT_PASSED)


def fault_code(fault: Fault) -> int:
    """Give the exit code that stands for a fault."""
    return FAULT_CODES.get(fault.kind, SandboxFault.exit_code)


class Engine:
    """Grades submissions in threads of this process.

    Args:
        grade: Grades one, given its position, and writes its record; called from several threads at a time.
        submissions: What to grade, in this order.
        in_flight: How many are under way at a time, at most.
        cancel: Ends all that is under way: `grade` then raises `Cancelled`.
        on_event: Is told of retries, of records that stay, and of interrupts; may be called from several threads.
        pauses_s: How long to wait before each further try.
        finishes: Whether the first wish to end lets what is under way go on.
        finish: Turns away what `grade` has not begun though it was called: it then raises `Cancelled`.
    """

    def __init__(
        self,
        grade: Grade,
        submissions: Sequence[Submission],
        *,
        in_flight: int,
        cancel: Callable[[], None],
        on_event: OnEvent,
        pauses_s: tuple[float, ...] = PAUSES_S,
        finishes: bool = True,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        self._grade_one = grade
        self._submissions: Iterator[tuple[int, Submission]] = enumerate(submissions)
        self._total, self._begun = len(submissions), 0
        self._in_flight = in_flight
        self._cancel = cancel
        self._on_event = on_event
        self._pauses_s = pauses_s
        self._finishes = finishes
        self._finish = finish
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._in_a_row = 0
        self.tally = Tally()

    def run(self, presses: Callable[[], int] = lambda: 0) -> Tally:
        """Grade all.

        Args:
            presses: Tells how often the user asked to end: once, and what is under way is finished (if `finishes`);
                twice, and it is ended now.

        Raises:
            Cancelled: It was ended now.
        """
        threads = [
            threading.Thread(target=self._work, name=f"grade-{number}", daemon=True)
            for number in range(self._in_flight)
        ]
        seen, now = 0, False
        try:
            while True:
                if presses() > seen:  # before the first, too: opening the machine takes a while
                    seen = presses()
                    now = seen > 1 or not self._finishes
                    self._interrupt(now=now)
                for thread in threads:
                    if thread.ident is None:
                        thread.start()
                alive = [one for one in threads if one.is_alive()]
                if not alive:
                    break
                alive[0].join(_LOOK_S)
        except BaseException:
            self._end_threads(threads)
            raise
        if now:
            raise Cancelled
        return self.tally

    def _end_threads(self, threads: Sequence[threading.Thread]) -> None:
        """Leave nobody at work when the run folder is given back."""
        self._ending.set()
        self._cancel()
        for thread in threads:
            if thread.ident is not None:
                thread.join()

    def _interrupt(self, *, now: bool) -> None:
        self.tally.interrupted = True
        self._ending.set()
        self._finish()
        if now:
            self._cancel()
        self._on_event(Interrupted(now=now, left=self._total - self._begun))

    def _work(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                order, submission = next(self._submissions, (0, None))
                self._begun += submission is not None
            if submission is None:
                return
            try:
                self._count(submission, self._persist(submission, order))
            except Cancelled:
                return
            except Exception as error:  # no thread may end unseen
                self._stop(fault_of("engine", error))
                return

    def _persist(self, submission: Submission, order: int) -> Outcome | Fault:
        """Grade, and again after a fault that may pass; tell of the last record, if there is one."""
        for attempt, pause_s in enumerate((*self._pauses_s, None), start=1):
            record, fault = self._grade(submission, order)
            if fault is None or fault.kind not in PASSING or pause_s is None or self._ending.is_set():
                break
            self._on_event(Retrying(submission=submission.id, fault=fault, attempt=attempt, wait_s=pause_s))
            if self._ending.wait(pause_s):
                break
        if record is not None:
            self._on_event(Recorded(record=record))
            return record.fault or record.outcome
        assert fault is not None
        return fault

    def _grade(self, submission: Submission, order: int) -> tuple[Record | None, Fault | None]:
        try:
            record = self._grade_one(submission, order)
        except Cancelled:
            raise
        except Exception as error:  # the run folder itself: there is no record either
            return None, fault_of("record", error)
        return record, record.fault

    def _count(self, submission: Submission, found: Outcome | Fault) -> None:
        with self._lock:
            if isinstance(found, Outcome):
                self.tally.graded[found] += 1
                self._in_a_row = 0
                return
            self.tally.not_graded[submission.id] = found
            # A student can make up what a host said, and must not be able to stop the run.
            self._in_a_row += found.kind != HostFault.__name__
            give_up = self._in_a_row >= FAULTS_IN_A_ROW and not self._ending.is_set()
        if give_up:
            self._stop(found)

    def _stop(self, fault: Fault) -> None:
        self.tally.stopped = fault
        self._ending.set()
        self._finish()
