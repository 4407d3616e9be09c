"""What `harness similar` found: pairs with evidence, never a verdict. Mirrors `similar.v1`; computes nothing."""

from dataclasses import dataclass
from typing import Literal

NOTE = (
    "Ranked pairs with evidence, not a verdict: students may share a seed, a starter or data. Look at the evidence, "
    "compare with the other pairs, and talk to the students."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """All pairs together: their number, median, median absolute deviation, and the highest value."""

    pairs: int
    median: float
    mad: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A submission that was not compared, and why."""

    submission: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPair:
    """Two adapters: cosine of delta W over all modules, where it stands, in how many modules they nearly coincide."""

    a: str
    b: str
    same_file: bool
    cosine: float | None
    exact: bool
    z: float | None
    modules_alike: int
    modules_shared: int
    layers_alike: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Adapters compared; `error` is the standard deviation of a cosine that is not exact."""

    compared: int
    error: float
    baseline: Baseline | None
    pairs: tuple[AdapterPair, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMatch:
    """The same tokens in both: file and lines of each, and how many tokens."""

    file_a: str
    first_line_a: int
    last_line_a: int
    file_b: str
    first_line_b: int
    last_line_b: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePair:
    """Two submissions' code: share of the smaller's fingerprints, by rarity, and where."""

    a: str
    b: str
    share: float
    z: float | None
    matches: tuple[CodeMatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Code compared; `skeleton` is the folder whose code was left out."""

    compared: int
    skeleton: str | None
    baseline: Baseline | None
    pairs: tuple[CodePair, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOutput:
    """An output that two students share, and how many students have nearly the same."""

    example: str
    students: int
    text_a: str
    text_b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionPair:
    """Two students' predictions: share by rarity, how many of those that both made are nearly the same."""

    a: str
    b: str
    share: float
    z: float | None
    near: int
    both: int
    rarest: tuple[SharedOutput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Predictions compared."""

    compared: int
    baseline: Baseline | None
    pairs: tuple[PredictionPair, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """The whole report (`similar.v1`)."""

    schema: Literal["similar.v1"] = "similar.v1"
    harness_version: str
    note: str = NOTE
    runs: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    adapters: Adapters
    code: Code
    predictions: Predictions
