"""A thread that measures a GPU while a job has it, and sees who else is there. Must not decide who is to blame."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.facts import Gpu, GpuProcess, GpuSeen, GpuUse, Reading

_PAUSE_S = 0.2


class Events(Protocol):
    """What the driver reports of one GPU; see `gpu.FaultEvents`."""

    def xids(self) -> list[int]:
        """Give the numbers that came since the last call."""
        ...

    def close(self) -> None:
        """Collect no more."""
        ...


class Driver(Protocol):
    """What the watch asks a driver; see `gpu.Nvml`."""

    def read(self, uuid: str) -> Reading:
        """Measure one GPU, now."""
        ...

    def uncorrected_errors(self, uuid: str) -> int | None:
        """Count the memory errors that ECC could not correct."""
        ...

    def fault_events(self, uuid: str) -> Events:
        """Begin to collect what the driver reports."""
        ...


class GpuWatch:
    """Samples one GPU about five times a second, from before a job starts until it is dead.

    Args:
        driver: The connection to measure with.
        gpu: The GPU that the job has.
        pids: Lists the job's processes, as the host numbers them. Asked only when an unknown one computes.
    """

    def __init__(self, driver: Driver, gpu: Gpu, *, pids: Callable[[], Iterable[int]]) -> None:
        self._driver = driver
        self._gpu = gpu
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="gpu-watch", daemon=True)
        self._events: Events | None = None
        self._own: set[int] = set()
        self._unknown: Mapping[int, GpuProcess] = {}
        self._neighbours: dict[int, GpuProcess] = {}
        self._xids: list[int] = []
        self._errors_before: int | None = None
        self._used_before = 0
        self._began = self._last = 0.0
        self._busy_s: float | None = 0.0
        self._peak_bytes = 0
        self._failures: list[str] = []

    def start(self) -> None:
        """Take what is there before the job as given, and begin to sample. Call it before the job starts.

        Raises:
            EnvironmentFault: The driver does not answer.
        """
        before = self._driver.read(self._gpu.uuid)
        self._errors_before = self._driver.uncorrected_errors(self._gpu.uuid)
        self._events = self._driver.fault_events(self._gpu.uuid)
        self._used_before = before.used_bytes
        self._unknown = {one.pid: one for one in before.processes if _exists(one.pid)}
        self._began = self._last = time.monotonic()
        self._thread.start()

    def stop(self) -> GpuSeen:
        """Sample once more and no further; call it when the job is dead. Gives what was seen."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._sample()
        seen = self._seen()
        self.abandon()
        return seen

    def abandon(self) -> None:
        """Sample no more, and let the driver go; for the way out of an exception. A second call does nothing."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        events, self._events = self._events, None
        if events is not None:
            events.close()

    def _look(self) -> None:
        while not self._stop.wait(_PAUSE_S):
            self._sample()

    def _sample(self) -> None:
        try:
            reading = self._driver.read(self._gpu.uuid)
        except EnvironmentFault as fault:
            self._failures.append(str(fault))
            return
        self._failures.clear()  # it answers again
        if self._events is not None:
            self._xids += self._events.xids()
        self._meet(reading)
        self._measure(reading)

    def _meet(self, reading: Reading) -> None:
        """Tell the job's processes from neighbours.

        The job's are listed after the driver's, so that one that has just started is among them; and a stranger counts
        as a neighbour only when met twice, so that one that has just ended is not taken for one.
        """
        there = {one.pid: one for one in reading.processes if _exists(one.pid)}
        if there.keys() - self._own:
            self._own.update(self._pids())
        unknown = {pid: one for pid, one in there.items() if pid not in self._own and _exists(pid)}
        for pid in unknown.keys() & self._unknown.keys():
            self._neighbours[pid] = _larger(unknown[pid], self._neighbours.get(pid))
        self._unknown = unknown

    def _measure(self, reading: Reading) -> None:
        now = time.monotonic()
        if reading.busy_fraction is None or self._busy_s is None:
            self._busy_s = None
        else:
            self._busy_s += reading.busy_fraction * (now - self._last)
        self._last = now
        own = [one.memory_bytes for one in reading.processes if one.pid in self._own]
        told = [count for count in own if count is not None]
        known = bool(own) and len(told) == len(own)
        used = sum(told) if known else self._growth(reading)
        self._peak_bytes = max(self._peak_bytes, used)

    def _growth(self, reading: Reading) -> int:
        """Give what came to be in use since the start, less what neighbours have."""
        theirs = sum(one.memory_bytes or 0 for one in reading.processes if one.pid in self._neighbours)
        return max(0, reading.used_bytes - max(self._used_before, theirs))

    def _seen(self) -> GpuSeen:
        errors_after = None
        with contextlib.suppress(EnvironmentFault):
            errors_after = self._driver.uncorrected_errors(self._gpu.uuid)
        return GpuSeen(
            use=GpuUse(
                uuid=self._gpu.uuid,
                name=self._gpu.name,
                memory_bytes=self._gpu.memory_bytes,
                seconds=time.monotonic() - self._began,
                busy_seconds=self._busy_s,
                peak_vram_bytes=self._peak_bytes,
            ),
            neighbours=tuple(self._neighbours.values()),
            xids=tuple(self._xids),
            uncorrected_errors=max(0, (errors_after or 0) - (self._errors_before or 0)),
            failure=self._failures[-1] if self._failures else None,
        )


def _exists(pid: int) -> bool:
    """Tell whether such a process is seen from here: a driver may give numbers of another pid namespace."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _larger(one: GpuProcess, other: GpuProcess | None) -> GpuProcess:
    return one if other is None or (one.memory_bytes or 0) >= (other.memory_bytes or 0) else other
