"""Why a program ended: one pure function from what was observed. Must not talk to an engine."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why a program ended. `ENGINE_GONE` and `MACHINE_SHORT` are the machine's fault, the others are the program's."""

    EXITED = "exited"
    SIGNALED = "signaled"
    OUT_OF_MEMORY = "out_of_memory"
    DEADLINE = "deadline"
    OUTPUT_CAP = "output_cap"
    DISK_CAP = "disk_cap"
    PIDS_CAP = "pids_cap"
    OUT_OF_VRAM = "out_of_vram"
    ENGINE_GONE = "engine_gone"
    MACHINE_SHORT = "machine_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of a program that ended.

    Attributes:
        status: Its wait status in shell form: 0-255, where 128+n stands for signal n. None: nobody could tell.
        fired: Which of our limits fired first, if any.
        out_of_memory: The kernel killed it, or a child of it, for want of memory.
        pids_refused: The kernel refused it a process or thread.
        out_of_vram: It ran out of the memory of a GPU that it had to itself (`gpu_blame`).
        machine_ran_out: Memory or processes ran out around the program, which was below its own limits.
        engine_gone: The engine stopped or restarted meanwhile, which ends containers by a signal.
    """

    status: int | None
    fired: Cause | None = None
    out_of_memory: bool = False
    pids_refused: bool = False
    out_of_vram: bool = False
    machine_ran_out: bool = False
    engine_gone: bool = False


def cause_of_end(seen: Observed) -> Cause:
    """Decide why a program ended.

    An engine that is gone comes first: nothing can be held against the program then. Then a limit of ours that fired:
    the kill that follows it hides everything else. A program that ended well did so, whatever happened to its children.
    Of one that ended badly, a machine that ran out comes first; then the kernel's out-of-memory kill; then a refused
    process, which a program meets as an error of its own; then a full GPU, then a signal, then a plain exit.
    """
    if seen.engine_gone or seen.status is None:
        return Cause.ENGINE_GONE
    if seen.fired is not None:
        return seen.fired
    if seen.status == 0:
        return Cause.EXITED
    if seen.machine_ran_out:
        return Cause.MACHINE_SHORT
    if seen.out_of_memory:
        return Cause.OUT_OF_MEMORY
    if seen.pids_refused:
        return Cause.PIDS_CAP
    if seen.out_of_vram:
        return Cause.OUT_OF_VRAM
    return Cause.SIGNALED if signal_of(seen.status) is not None else Cause.EXITED


def signal_of(status: int) -> int | None:
    """Give the signal that a status in shell form stands for, or None."""
    return status - 128 if 128 < status <= 128 + 64 else None
