"""A warm scoring worker that is started anew when it dies. Knows neither engine nor sandbox.

How a worker is started is passed in, as something that gives its lines and takes ours for the time of a `with` block.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Protocol, Self

from harness.errors import SandboxFault
from harness.scoring.client import converse, ignore_event
from harness.scoring.protocol import Event, Failure, Ready, Request, Result

ATTEMPTS = 2
_REMEDY = "Read what the worker wrote to standard error: a lack of memory and a crash leave their traces there."


class Worker(Protocol):
    """A worker that runs: its replies as they come, and how to send it a line."""

    @property
    def lines(self) -> Iterable[str]:
        """What it writes to standard output."""

    @property
    def send(self) -> Callable[[str], None]:
        """Writes a line to its standard input, at once; does nothing where it is dead."""


Start = Callable[[], AbstractContextManager[Worker]]


class ResidentWorker:
    """A worker that is kept warm from request to request. Use it in a `with` block, from one thread at a time."""

    def __init__(self, start: Start, *, on_event: Callable[[Event], None] = ignore_event) -> None:
        """Start nothing yet: the first request does.

        Args:
            start: Starts a worker; it is gone at the end of the block.
            on_event: Is told when a worker is ready, loads another base model, and how far it is.
        """
        self._start = start
        self._on_event = on_event
        self._worker: Worker | None = None
        self._running = ExitStack()
        self._ready: Ready | None = None

    @property
    def ready(self) -> Ready | None:
        """What the worker said when it was ready; None before the first request."""
        return self._ready

    def score(self, request: Request) -> Result | Failure:
        """Have one request answered. A worker that dies over it is started anew and asked once more.

        An answer of the kind ``internal`` (a lack of memory, say) counts as a death: the next try gets a fresh worker.

        Raises:
            EnvironmentFault: Base model, packages or device cannot be used; or no worker can be started.
            SandboxFault: The worker died over this request twice, or said something that is no reply.
        """
        why = ""
        for _ in range(ATTEMPTS):
            outcome = self._ask(request)
            if isinstance(outcome, Result) or (outcome and outcome.kind != "internal"):
                return outcome
            why = outcome.message if outcome else "it ended without an answer"
            self.stop()
        raise SandboxFault(f"the scoring worker failed {ATTEMPTS} times over {request.id!r}: {why}", remedy=_REMEDY)

    def stop(self) -> None:
        """End the worker; the next request starts another."""
        self._worker = None
        self._running.close()

    def _ask(self, request: Request) -> Result | Failure | None:
        try:
            known = self._ready if self._worker else None
            worker = self._worker = self._worker or self._running.enter_context(self._start())
            answers = converse([request], worker.lines, send=worker.send, on_event=self._on_event, ready=known)
        except BaseException:
            self.stop()
            raise
        self._ready = answers.ready
        return answers.outcomes.get(request.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
