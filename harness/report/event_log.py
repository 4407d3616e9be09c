"""The structured log of a run: one JSON object a line, with time, event and what it tells. Must not be read back."""

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.model.event import Event, Recorded, StageEnded
from harness.text import visible

_MOST_CHARACTERS = 2_000


class EventLog:
    """Adds the events of a run to a file; a context manager that closes it.

    Args:
        path: The file; what is there stays.
        now: Gives the time.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._now = now
        self._lock = threading.Lock()

    def on_event(self, event: Event) -> None:
        """Write the event; a full disk costs the line, not a grade."""
        line = {"time": self._now().isoformat(timespec="milliseconds"), "event": type(event).__name__, **told(event)}
        with self._lock, contextlib.suppress(OSError):
            self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def told(event: Event) -> dict[str, object]:
    """Give what an event tells: of results and records only what is short and no student's text."""
    match event:
        case StageEnded():
            one = event.result
            return {
                "submission": event.submission,
                "stage": one.stage,
                "status": one.status.value,
                "duration_s": one.duration_s,
                "budget_s": one.budget_s,
                "findings": [found.code for found in one.findings],
                "receipt": asdict(one.receipt) if one.receipt else None,
            }
        case Recorded():
            record = event.record
            return {
                "submission": record.submission.id,
                "outcome": record.outcome.value,
                "total": record.verdict.total if record.verdict else None,
                "perplexity": record.score.perplexity if record.score else None,
                "fault": visible(record.fault.message, _MOST_CHARACTERS) if record.fault else None,
            }
        case _:
            return asdict(event)
