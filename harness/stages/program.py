"""Runs one program of a stage in the sandbox and turns a bad end into the stage's findings."""

from dataclasses import dataclass
from pathlib import Path

from harness.model.assignment import StageLimits
from harness.model.finding import Finding, finding
from harness.model.result import Receipt
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job, Limits, Sandbox
from harness.text import visible

TAIL_BYTES = 4_096
TAIL_LINES = 12
COMMAND_NOT_FOUND = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The finding codes that a stage uses for each kind of bad end."""

    deadline: str
    limit: str
    failed: str
    not_found: str


def limits_of(rules: StageLimits) -> Limits:
    """Turn the assignment's limits into the sandbox's."""
    return Limits(
        timeout_s=rules.timeout_s,
        memory_bytes=rules.memory_bytes,
        disk_bytes=rules.disk_bytes,
        output_bytes=rules.output_bytes,
        cpus=rules.cpus,
        pids=rules.pids,
    )


def receipt_of(ended: Ended, sandbox: Sandbox) -> Receipt:
    """Write down what a program used."""
    return Receipt(
        cause=ended.cause.value,
        exit_code=ended.exit_code,
        signal=ended.signal,
        duration_s=round(ended.duration_s, 3),
        peak_memory_bytes=ended.peak_memory_bytes,
        sandbox=sandbox.name,
        image_id=sandbox.image_id,
    )


def bad_end(ended: Ended, job: Job, *, command: str, codes: Codes) -> Finding | None:
    """Give the finding for a program that did not end with exit code 0, or None for one that did.

    Args:
        ended: How it ended.
        job: What was run.
        command: What the student knows it as, such as ``run.sh``.
        codes: The stage's codes.
    """
    limits = job.limits
    match ended.cause:
        case Cause.EXITED if ended.exit_code == 0:
            return None
        case Cause.DEADLINE:
            return finding(
                codes.deadline,
                f"{command} was still running after {ended.duration_s:.0f} s and was ended.{_tail(job)}",
                limit=f"{limits.timeout_s:g} s",
            )
        case Cause.OUT_OF_MEMORY:
            return finding(codes.limit, f"{command} ran out of memory.{_tail(job)}", limit=_mb(limits.memory_bytes))
        case Cause.DISK_CAP:
            return finding(
                codes.limit, f"{command} wrote more files than allowed.{_tail(job)}", limit=_mb(limits.disk_bytes)
            )
        case Cause.OUTPUT_CAP:
            return finding(codes.limit, f"{command} printed more than allowed.", limit=_mb(limits.output_bytes))
        case Cause.SIGNALED:
            return finding(
                codes.failed, f"{command} was ended by signal {ended.signal}.{_tail(job)}", limit="exit code 0"
            )
        case Cause.EXITED if ended.exit_code == COMMAND_NOT_FOUND:
            return finding(codes.not_found, f"{command} ended with exit code 127.{_tail(job)}", limit="exit code 0")
        case Cause.EXITED:
            return finding(
                codes.failed, f"{command} ended with exit code {ended.exit_code}.{_tail(job)}", limit="exit code 0"
            )


def tail(path: Path) -> str:
    """Give the last lines of a log, with control characters made visible; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]
    return "\n".join(visible(line) for line in lines)


def _tail(job: Job) -> str:
    text = tail(job.stderr_path) or tail(job.stdout_path)
    return f" Its last lines:\n{text}" if text else " It printed nothing."


def _mb(count: int) -> str:
    return f"{count / 1e6:g} MB"
