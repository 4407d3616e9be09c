"""The sketch of an adapter that is kept as evidence. Mirrors `sketch.v1` (a test holds both); computes nothing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchedModule:
    """One module: (out, in), rank, exact norm of its change, sketched norm over it, direction in base64."""

    name: str
    shape: tuple[int, ...]
    rank: int
    norm: float
    ratio: float
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSketch:
    """A whole adapter (`sketch.v1`); `harness.similarity.sketch` says what the values mean."""

    schema: Literal["sketch.v1"] = "sketch.v1"
    method: Literal["delta-w.v1"]
    adapter_sha256: str
    modules: tuple[SketchedModule, ...]
