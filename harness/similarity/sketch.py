"""A sketch of delta W: some 48 kB from which cosines of adapters are estimated when the weights are long gone.

Value j of a module's sketch is u_j^T (scale B A) v_j, with u_j and v_j random signs: the sum over the rank of
(U B) * (V A^T), so delta W is never formed. E[s_j s'_j] = <delta W, delta W'> (a Khatri-Rao random projection, as in
D. Woodruff, "Sketching as a Tool for Numerical Linear Algebra", 2014, on products of sign vectors). The signs are drawn
anew for each module by a diagonal of signs, so that errors of modules do not add up.

Each module's norm is exact; only its direction is estimated. So the error of the whole cosine has a standard deviation
of about 1 / sqrt(values) where the modules weigh alike, and none where two adapters are equal.
"""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.similarity.lowrank import Factors, norm
from harness.similarity.signs import signs
from harness.similarity.tensors import Floats

METHOD: Final = "delta-w.v1"
TOTAL_VALUES = 49_152
LEAST_VALUES = 64
_MOST_SIGNS = 8_000_000  # of the largest matrix of signs: 32 MB
_BLOCK = 64  # rows of signs that share a label
_LARGEST = 127


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModuleSketch:
    """One module: its (out, in), rank, exact norm of delta W, and the direction as whole numbers of -127 to 127.

    `ratio` is the squared norm that the sketch shows over the exact one: about 1 unless it was made to mislead.
    """

    shape: tuple[int, int]
    rank: int
    norm: float
    ratio: float
    values: NDArray[np.int8]


def sketch(modules: Iterable[tuple[str, Factors]], *, count: int, widest: int) -> Iterator[tuple[str, ModuleSketch]]:
    """Sketch one module after the other.

    Args:
        modules: Names and factors; may be read from disk one by one.
        count: How many modules there are: the values are shared out among them.
        widest: The largest dimension of any module.
    """
    drawn = _Signs(values_per_module(count, widest))
    for name, factors in modules:
        yield name, _sketch_one(name, factors, drawn)


def values_per_module(count: int, widest: int) -> int:
    """Share out the values. A longer sketch of a module begins with the shorter one, so both can be compared."""
    return max(LEAST_VALUES, min(TOTAL_VALUES // max(1, count), _MOST_SIGNS // max(1, widest)))


class _Signs:
    """The matrices U and V by dimension, drawn once for an adapter."""

    def __init__(self, values: int) -> None:
        self.values = values
        self._drawn: dict[tuple[str, int], Floats] = {}

    def matrix(self, side: str, size: int) -> Floats:
        """Give the signs (values, size) of one side."""
        if (side, size) not in self._drawn:
            blocks = [
                signs(f"{METHOD}/{side}/{size}/{number}", _BLOCK * size).reshape(_BLOCK, size)
                for number in range(-(-self.values // _BLOCK))
            ]
            self._drawn[side, size] = np.concatenate(blocks)[: self.values]
        return self._drawn[side, size]


def _sketch_one(name: str, factors: Factors, drawn: _Signs) -> ModuleSketch:
    out_features, in_features = factors.shape
    b, b_most = _scaled(factors.b)
    a, a_most = _scaled(factors.a)
    left = drawn.matrix("out", out_features) @ (b * signs(f"{METHOD}/{name}/out", out_features)[:, None])
    right = drawn.matrix("in", in_features) @ (a * signs(f"{METHOD}/{name}/in", in_features)[None, :]).T
    values = np.sum(left.astype(np.float64) * right, axis=1)  # (values, rank) -> (values,)
    exact = norm(Factors(a=a, b=b))
    most = float(np.max(np.abs(values)))
    step = most / _LARGEST
    whole = np.round(values / step) if step else values
    return ModuleSketch(
        shape=factors.shape,
        rank=a.shape[0],
        norm=exact * b_most * a_most * factors.scale,
        ratio=float(np.mean(values**2)) / exact**2 if exact else 1.0,
        values=whole.astype(np.int8),
    )


def _scaled(values: Floats) -> tuple[Floats, float]:
    """Divide by the largest value, so that no product leaves the range of fp32."""
    most = float(np.max(np.abs(values))) if values.size else 0.0
    return (values / np.float32(most), most) if most else (values, 0.0)


def to_text(values: NDArray[np.int8]) -> str:
    """Give the values in base64, one byte each."""
    return base64.b64encode(values.tobytes()).decode("ascii")


def from_text(text: str) -> NDArray[np.int8]:
    """Read `to_text`'s text.

    Raises:
        ValueError: It is no base64.
    """
    return np.frombuffer(base64.b64decode(text, validate=True), np.int8)


def total_norm(modules: Mapping[str, ModuleSketch]) -> float:
    """Give the norm of the whole change."""
    return math.hypot(*(one.norm for one in modules.values()))


def is_faithful(modules: Mapping[str, ModuleSketch]) -> bool:
    """Tell whether the sketch has the norm it should have.

    The signs are public, so factors can be made on which the sketch is large and delta W is small: a copy with them
    added would look unlike. Such a sketch shows too large a norm. Chance stays below: the squared norm of a module
    varies by at most 8 / values (products of two signs), and the median of the modules by less.
    """
    ratios = [one.ratio for one in modules.values() if one.norm]
    if not ratios:
        return True
    fewest = min(one.values.size for one in modules.values())
    return abs(float(np.median(ratios)) - 1) <= max(0.1, 4 * math.sqrt(8 / fewest))
