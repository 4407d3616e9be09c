"""Turns what was observed of a job into how it ended, the same for every sandbox. Must not know an engine."""

import os
from collections.abc import Iterable
from pathlib import Path

from harness.errors import EnvironmentFault
from harness.sandbox.cause import Cause, Observed, cause_of_end, signal_of
from harness.sandbox.interface import Ended, Job

_FULL_BELOW_BYTES = 64 << 20


def writable_sources(job: Job) -> list[Path]:
    """List the host folders that the program may write to."""
    return [one.source for one in job.mounts if one.writable]


def how_it_ended(job: Job, seen: Observed, *, duration_s: float, peak_memory_bytes: int | None) -> Ended:
    """Say how `job` ended.

    Raises:
        EnvironmentFault: The engine went away, or the program ended badly within its limits while the disk under it was
            full: who is to blame?
    """
    cause = cause_of_end(seen)
    if cause is Cause.ENGINE_GONE or seen.status is None:
        raise EnvironmentFault(
            f"The container engine was stopped or restarted while job {job.name} ran.",
            remedy="See that the engine runs (`systemctl status docker`), and grade again.",
        )
    if seen.fired is None and seen.status != 0:
        _require_room(job)
    signal = signal_of(seen.status)
    return Ended(
        cause=cause,
        exit_code=seen.status if signal is None else None,
        signal=signal,
        duration_s=duration_s,
        peak_memory_bytes=peak_memory_bytes,
    )


def _require_room(job: Job) -> None:
    free_bytes = _least_free_bytes(writable_sources(job))
    if free_bytes is not None and free_bytes < _FULL_BELOW_BYTES:
        raise EnvironmentFault(
            f"Job {job.name} failed while the disk it writes to was full ({free_bytes / (1 << 20):.0f} MiB free).",
            remedy=f"Free at least {job.limits.disk_bytes / (1 << 30):.1f} GiB, its disk budget, and grade again.",
        )


def _least_free_bytes(paths: Iterable[Path]) -> int | None:
    states = [os.statvfs(path) for path in paths]
    return min((state.f_bavail * state.f_frsize for state in states), default=None)
