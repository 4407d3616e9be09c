"""Turns what was observed of a job into how it ended, the same for every sandbox. Must not know an engine."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.errors import EnvironmentFault
from harness.sandbox.cause import Cause, Observed, cause_of_end, signal_of
from harness.sandbox.gpu.blame import Blame, blame, fault_of, says_out_of_memory
from harness.sandbox.gpu.facts import GpuSeen
from harness.sandbox.interface import Ended, Job

_FULL_BELOW_BYTES = 64 << 20


def writable_sources(job: Job) -> list[Path]:
    """List the host folders that the program may write to."""
    return [one.source for one in job.mounts if one.writable]


def how_it_ended(
    job: Job, seen: Observed, *, duration_s: float, peak_memory_bytes: int | None, gpu: GpuSeen | None = None
) -> Ended:
    """Say how `job` ended.

    Raises:
        EnvironmentFault: The engine went away, or the program ended badly within its limits while the machine ran out
            of memory or processes, the disk under it was full, or its GPU failed or was not its own.
    """
    first = cause_of_end(seen)
    if first is Cause.ENGINE_GONE or seen.status is None:
        raise EnvironmentFault(
            f"The container engine was stopped or restarted while job {job.name} ran.",
            remedy="See that the engine runs (`systemctl status docker`), and grade again.",
        )
    if first is Cause.MACHINE_SHORT:
        raise EnvironmentFault(
            f"The machine ran out of memory or processes while job {job.name} ran within its own limits "
            f"({job.limits.memory_bytes / 1e9:.1f} GB, {job.limits.pids} processes).",
            remedy="Run fewer jobs at a time, lower the assignment's limits, or take a larger machine; grade again.",
        )
    if seen.fired is None and seen.status != 0:
        _require_room(job)
    cause = cause_of_end(replace(seen, out_of_vram=gpu is not None and _ran_out_of_vram(job, seen, gpu)))
    signal = signal_of(seen.status)
    return Ended(
        cause=cause,
        exit_code=seen.status if signal is None else None,
        signal=signal,
        duration_s=duration_s,
        peak_memory_bytes=peak_memory_bytes,
        killed_for_memory=seen.out_of_memory,
        gpu=None if gpu is None else gpu.use,
    )


def _ran_out_of_vram(job: Job, seen: Observed, gpu: GpuSeen) -> bool:
    """Tell whether a GPU that the program had to itself was too small for it."""
    decision = blame(
        ended_badly=seen.fired is None and seen.status != 0,
        at_deadline=seen.fired is Cause.DEADLINE,
        says_out_of_memory=says_out_of_memory(job.stderr_path, job.stdout_path),
        seen=gpu,
    )
    if fault := fault_of(decision, job.name, gpu):
        raise fault
    return decision is Blame.STUDENT


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
