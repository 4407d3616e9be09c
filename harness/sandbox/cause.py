"""Why a program ended: one pure function from what was observed. Must not talk to an engine."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why a program ended."""

    EXITED = "exited"
    SIGNALED = "signaled"
    OUT_OF_MEMORY = "out_of_memory"
    DEADLINE = "deadline"
    OUTPUT_CAP = "output_cap"
    DISK_CAP = "disk_cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of a program that ended: its status and which of our limits fired first, if any.

    `status` is the wait status in shell form: 0-255, where 128+n stands for signal n.
    """

    status: int
    fired: Cause | None = None
    out_of_memory: bool = False


def cause_of_end(seen: Observed) -> Cause:
    """Decide why a program ended.

    A limit of ours that fired comes first: the kill that follows it hides everything else. Then the kernel's
    out-of-memory kill, if the program did end badly (a killed child of a program that ended well is the program's
    own affair). Then a signal, then a plain exit.
    """
    if seen.fired is not None:
        return seen.fired
    if seen.out_of_memory and seen.status != 0:
        return Cause.OUT_OF_MEMORY
    if signal_of(seen.status) is not None:
        return Cause.SIGNALED
    return Cause.EXITED


def signal_of(status: int) -> int | None:
    """Give the signal that a status in shell form stands for, or None."""
    return status - 128 if 128 < status <= 128 + 64 else None
