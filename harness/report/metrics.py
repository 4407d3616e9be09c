"""The figures of a run as a Prometheus text file, for node_exporter's textfile collector. Must not serve anything."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, write_to_textfile

from harness.model.event import Event, Planned, Recorded, Retrying, StageEnded, StageStarted, Waiting
from harness.model.result import StageStatus

_BUCKETS_S = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)
_PAUSE_S = 5.0


class Metrics:
    """Keeps the figures and writes them, at most every few seconds; `write` at the end writes the last ones.

    Args:
        path: The file, replaced as a whole; its name should end in ``.prom``.
        clock: Gives seconds that only grow.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._written = -_PAUSE_S
        self._registry = registry = CollectorRegistry()
        self._planned = Gauge("lora_harness_submissions_planned", "Submissions of the run.", registry=registry)
        self._records = Counter(
            "lora_harness_records", "Records written in this start.", ["outcome"], registry=registry
        )
        self._running = Gauge("lora_harness_stage_running", "Submissions in a stage now.", ["stage"], registry=registry)
        self._waiting = Gauge(
            "lora_harness_stage_waiting", "Submissions that wait for a stage.", ["stage"], registry=registry
        )
        self._seconds = Histogram(
            "lora_harness_stage_seconds",
            "Time of a stage, without waiting.",
            ["stage"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._ended = Counter("lora_harness_stages", "Stages that ended.", ["stage", "status"], registry=registry)
        self._findings = Counter("lora_harness_findings", "Findings.", ["code"], registry=registry)
        self._retries = Counter("lora_harness_retries", "Tries after a fault of ours.", registry=registry)

    def on_event(self, event: Event) -> None:
        """Take an event into account; write if it is time."""
        match event:
            case Planned():
                self._planned.set(event.graded + len(event.submissions))
            case Waiting():
                self._waiting.labels(event.stage).inc()
            case StageStarted():
                self._waiting.labels(event.stage).dec()
                self._running.labels(event.stage).inc()
            case StageEnded():
                one = event.result
                self._ended.labels(one.stage, one.status.value).inc()
                if one.status is not StageStatus.SKIPPED:
                    self._running.labels(one.stage).dec()
                    self._seconds.labels(one.stage).observe(one.duration_s)
                for found in one.findings:
                    self._findings.labels(found.code).inc()
            case Retrying():
                self._retries.inc()
            case Recorded():
                self._records.labels(event.record.outcome.value).inc()
            case _:
                pass
        if self._clock() - self._written >= _PAUSE_S:
            with contextlib.suppress(OSError):  # a full disk costs the figures, not a grade
                self.write()

    def write(self) -> None:
        """Write the file, whole.

        Raises:
            OSError: It cannot be written.
        """
        self._written = self._clock()
        write_to_textfile(str(self._path), self._registry)
