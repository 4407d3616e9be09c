"""Inner products of delta W = scale * B A without forming it. Must not know where the factors come from.

<B1 A1, B2 A2> = trace(A1^T B1^T B2 A2) = sum((B1^T B2) * (A1 A2^T)): two products of (rank x rank) size stand for a
matrix of (out x in). It depends on B A alone, so refactoring (B Q)(Q^-1 A), padding the rank with zeros, or moving the
scale into the factors changes nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.similarity.tensors import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """The change of one module: `scale` * `b` @ `a`, with `a` (rank, in) and `b` (out, rank)."""

    a: Floats
    b: Floats
    scale: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Give (out, in)."""
        return self.b.shape[0], self.a.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Cosine of two adapters over all modules, and of each module that both have; None where one is zero."""

    cosine: float | None
    modules: Mapping[str, float | None]


def inner(one: Factors, other: Factors) -> float:
    """Give the inner product of two changes of the same shape, in fp64.

    Raises:
        ValueError: The shapes differ.
    """
    if one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape} differ")
    left = one.b.astype(np.float64).T @ other.b.astype(np.float64)  # (rank1, rank2)
    right = one.a.astype(np.float64) @ other.a.astype(np.float64).T  # (rank1, rank2)
    return float(np.sum(left * right)) * one.scale * other.scale


def norm(one: Factors) -> float:
    """Give the Frobenius norm of a change. Rounding can make a square of a zero change a little negative."""
    b, a = one.b.astype(np.float64), one.a.astype(np.float64)
    return math.sqrt(max(0.0, float(np.sum((b.T @ b) * (a @ a.T))))) * one.scale


def compare(one: Mapping[str, Factors], other: Mapping[str, Factors]) -> Compared:
    """Compare two adapters, given by module. A module that one lacks is zero there."""
    shared = [name for name in one if name in other and one[name].shape == other[name].shape]
    inners = {name: inner(one[name], other[name]) for name in shared}
    norms = {name: (norm(one[name]), norm(other[name])) for name in shared}
    total = math.hypot(*map(norm, one.values())), math.hypot(*map(norm, other.values()))
    return Compared(
        cosine=_cosine(math.fsum(inners.values()), *total),
        modules={name: _cosine(inners[name], *norms[name]) for name in shared},
    )


def _cosine(product: float, one: float, other: float) -> float | None:
    if one == 0 or other == 0:
        return None
    return max(-1.0, min(1.0, product / one / other))


def cosines(products: NDArray[np.float64], norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide inner products (n, n) by norms (n,); NaN where a norm is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = np.clip(products / norms[:, None] / norms[None, :], -1, 1)
    return found
