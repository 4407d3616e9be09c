"""What happens in a run, as it is told to whoever shows or logs it. Reads no clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.model.result import Fault, Record, StageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is graded now, in this order, and how many are graded already."""

    submissions: tuple[str, ...]
    graded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A submission waits for a place to do its next stage."""

    submission: str
    stage: str
    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted:
    """A stage is at work; `budget_s` is its time budget in seconds, if it has one."""

    submission: str
    stage: str
    budget_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnded:
    """A stage ended, or was skipped."""

    submission: str
    result: StageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A try ended in a fault that is not the submission's; it starts again from nothing in `wait_s` seconds."""

    submission: str
    fault: Fault
    attempt: int
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The record of a submission is written: it is over, graded or not."""

    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrusted:
    """What lay at a submission's place cannot be trusted and was moved to `place`; it is graded again."""

    submission: str
    why: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The user asked to end: after what is under way, or now. `left` are not begun yet."""

    now: bool
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A submission was given to a node of a cluster."""

    submission: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChanged:
    """A node of a cluster began to grade, cannot grade, or is gone; `words` say more."""

    node: str
    state: Literal["ready", "left out", "lost"]
    words: str


Event = (
    Planned
    | Waiting
    | StageStarted
    | StageEnded
    | Retrying
    | Recorded
    | Distrusted
    | Interrupted
    | Placed
    | NodeChanged
)
OnEvent = Callable[[Event], None]
