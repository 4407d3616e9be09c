"""What a regrade found: who moved, which scores are near a threshold, what was left out. Decides and reads nothing."""

from dataclasses import dataclass

SAME_POINTS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Two grades of one submission; `why` has a text for each line that changed what it gives or takes."""

    id: str
    before: float
    after: float
    possible_before: float
    possible_after: float
    why: tuple[str, ...]

    @property
    def change(self) -> float:
        """Points won (or lost, if negative)."""
        return round(self.after - self.before, 6)

    @property
    def moved(self) -> bool:
        """Whether the grade is another."""
        return abs(self.after - self.before) > SAME_POINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A score near the threshold of one line of the rubric; `id` is the submission's."""

    id: str
    line: str
    metric: str
    baseline: str
    score: float
    threshold: float

    @property
    def distance(self) -> float:
        """How far the score is from the threshold, as a share of it; negative under it, where the points are earned."""
        return self.score / self.threshold - 1

    @property
    def earned(self) -> bool:
        """Whether the score earns the points."""
        return self.score <= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """A borderline score, taken again: `after` is None where that was not possible, and `problem` says why."""

    id: str
    line: str
    threshold: float
    before: float
    after: float | None
    problem: str = ""

    @property
    def stands(self) -> bool | None:
        """Whether both scores decide the same; None where there is no second one."""
        return None if self.after is None else (self.after <= self.threshold) == (self.before <= self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A submission of the run that is not trusted or cannot be regraded, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """The whole of it.

    Attributes:
        assignment: Name of the assignment that the new grades go by.
        assignment_sha256: SHA-256 of its file.
        tolerance: Width of the band around a threshold, as a share of it.
        moves: Those whose grade is another, the greatest loss first.
        unchanged: How many kept their grade.
        not_graded: Ids of those that were not graded before, and are not now.
        left_out: Those that have no new record.
        near: Scores within the band, the nearest first.
        rescored: The same, taken again, where that was asked for.
        notes: What else is to be known, in sentences.
    """

    assignment: str
    assignment_sha256: str
    tolerance: float
    moves: tuple[Move, ...]
    unchanged: int
    not_graded: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    near: tuple[Near, ...]
    rescored: tuple[Rescored, ...] = ()
    notes: tuple[str, ...] = ()
