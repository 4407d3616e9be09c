"""Who is to blame when a job on a GPU ends badly: one pure function. Must not ask the driver, and reads logs as text.

What a program prints is the student's to choose, so words can only ever count against the student. A fault of the
machine needs evidence of the driver's.
"""

import re
from enum import StrEnum
from pathlib import Path

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.facts import GpuSeen
from harness.sandbox.gpu.words import describe

_TAIL_BYTES = 64 << 10
_WORDS = re.compile(
    rb"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation"
    rb"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
)
MACHINE_XIDS = frozenset({48, 61, 62, 64, 74, 79, 94, 95, 119, 120, 140, 143})
"""Xid numbers of failing hardware or driver: memory (48, 64, 94, 95, 140), NVLink (74), bus (79), the driver's own
processors (61, 62, 119, 120, 143).

Left out are those that a program can cause: 13, 31, 43, 45, 68, 69, 109 and the like. Source: NVIDIA, "XID Errors".
"""


class Blame(StrEnum):
    """Who caused a bad end on a GPU; `NOBODY` where it has nothing to do with the GPU."""

    NOBODY = "nobody"
    STUDENT = "student"
    NEIGHBOUR = "neighbour"
    DRIVER = "driver"


def blame(*, ended_badly: bool, at_deadline: bool, says_out_of_memory: bool, seen: GpuSeen) -> Blame:
    """Decide who is to blame.

    Args:
        ended_badly: An exit code other than 0, or a signal, by the program's own doing.
        at_deadline: It was ended at its deadline.
        says_out_of_memory: Its last output has the words of CUDA's out-of-memory error.
        seen: What the driver told meanwhile.

    A driver that failed excuses any such end. A neighbour excuses running out of memory, and being slow. Without
    either, out of memory is the program's own: it had the GPU to itself.
    """
    if not (ended_badly or at_deadline):
        return Blame.NOBODY
    if seen.failure is not None or seen.uncorrected_errors > 0 or MACHINE_XIDS.intersection(seen.xids):
        return Blame.DRIVER
    ran_out = ended_badly and says_out_of_memory
    if seen.neighbours and (ran_out or at_deadline):
        return Blame.NEIGHBOUR
    return Blame.STUDENT if ran_out else Blame.NOBODY


def fault_of(decision: Blame, job: str, seen: GpuSeen) -> EnvironmentFault | None:
    """Put a decision against the machine into words; None where it is not against the machine."""
    match decision:
        case Blame.DRIVER:
            return EnvironmentFault(
                f"GPU {seen.use.uuid} failed while job {job} ran: {_evidence(seen)}.",
                remedy="Run `nvidia-smi` and see the kernel's log; grade again on another GPU or once it is well.",
            )
        case Blame.NEIGHBOUR:
            return EnvironmentFault(
                f"Job {job} failed on GPU {seen.use.uuid}, which it should have had to itself, while also there: "
                f"{', '.join(map(describe, seen.neighbours))}.",
                remedy="End that process, or keep it off this GPU while grading, and grade again.",
            )
        case Blame.NOBODY | Blame.STUDENT:
            return None


def _evidence(seen: GpuSeen) -> str:
    xids = sorted(MACHINE_XIDS.intersection(seen.xids))
    parts = [
        f"the driver reported Xid {', '.join(map(str, xids))}" if xids else "",
        f"{seen.uncorrected_errors} memory errors that ECC could not correct" if seen.uncorrected_errors else "",
        (seen.failure or "").rstrip("."),
    ]
    return "; ".join(part for part in parts if part)


def says_out_of_memory(*logs: Path) -> bool:
    """Look for the words of CUDA's out-of-memory error in the ends of the logs."""
    return any(_WORDS.search(_tail(log)) for log in logs if log.is_file())


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES)
