"""Cosines of all pairs of adapters at once: from sketches, or exactly from the factors, by tiles.

Must not read files itself: what it needs is handed to it module by module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.similarity.lowrank import Factors, cosines
from harness.similarity.sketch import ModuleSketch

Matrix = NDArray[np.float64]
ALIKE = 0.99
TILE_BYTES = 1_000_000_000
_ROWS = 1024  # of factors in one product in fp64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cosines:
    """All pairs of n adapters.

    Attributes:
        cosine: (n, n); NaN where an adapter changes nothing.
        alike: (n, n): in how many modules the cosine is at least `ALIKE`.
        shared: (n, n): how many modules both change.
    """

    cosine: Matrix
    alike: NDArray[np.int32]
    shared: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stack:
    """Factors below each other in fp64: A (ranks, in), scaled B^T (ranks, out), and where each adapter's begin."""

    a: Matrix
    b: Matrix
    starts: list[int]


class _Sums:
    """Adds up what single modules say. Norms are at most some 1e85 (fp32 factors), so no product overflows."""

    def __init__(self, count: int) -> None:
        self._squares = np.zeros(count)
        self._total = np.zeros((count, count))
        self._alike = np.zeros((count, count), np.int32)
        self._shared = np.zeros((count, count), np.int32)

    def add(self, found: Matrix, norms: Matrix) -> None:
        """Add a module: its cosines (n, n), with NaN where one has no change, and its norms (n,)."""
        there = ~np.isnan(found)
        known = np.where(there, found, 0)
        self._total += known * norms[:, None] * norms[None, :]
        self._squares += norms**2
        self._shared += there
        self._alike += known >= ALIKE

    def result(self) -> Cosines:
        """Divide by the norms of the whole changes."""
        return Cosines(cosine=cosines(self._total, np.sqrt(self._squares)), alike=self._alike, shared=self._shared)


def from_sketches(
    adapters: Sequence[Mapping[str, ModuleSketch]], *, step: Callable[[], None] = lambda: None
) -> Cosines:
    """Estimate all cosines. Time grows with n^2 times the values of a sketch; memory with n^2.

    Args:
        adapters: The sketches by module.
        step: Called after each module.
    """
    sums = _Sums(len(adapters))
    for name in _names(adapters):
        sums.add(*module_from_sketches([one.get(name) for one in adapters]))
        step()
    return sums.result()


def module_from_sketches(column: Sequence[ModuleSketch | None]) -> tuple[Matrix, Matrix]:
    """Give cosines (n, n) and norms (n,) of one module; where shapes differ, the pair has nothing in common."""
    there = [one for one in column if one is not None and one.norm]
    fewest = min((one.values.size for one in there), default=0)
    values = np.zeros((len(column), fewest), np.float32)
    norms = np.zeros(len(column))
    for at, one in enumerate(column):
        if one is not None and one.norm:
            values[at], norms[at] = one.values[:fewest], one.norm
    lengths = np.linalg.norm(values.astype(np.float64), axis=1)
    found = cosines((values @ values.T).astype(np.float64), lengths)
    return _apart(found, [one.shape if one else None for one in column]), norms


def exact(
    modules: Sequence[str],
    count: int,
    load: Callable[[int, str], Factors | None],
    *,
    tile_bytes: int = TILE_BYTES,
    step: Callable[[], None] = lambda: None,
) -> Cosines:
    """Compute all cosines from the factors, in fp64.

    Of one module at most two tiles of factors are held at a time. Where the factors of all adapters fit in one
    (`tile_bytes`), each is loaded once.

    Args:
        modules: Names of all modules.
        count: How many adapters there are.
        load: Gives the factors of an adapter (by its number) and a module, or None.
        tile_bytes: Most bytes of a tile.
        step: Called after each module.
    """
    sums = _Sums(count)
    for name in modules:
        gram, shapes = _module_gram(name, count, load, tile_bytes)
        norms = np.sqrt(np.maximum(np.diag(gram), 0))
        sums.add(_apart(cosines(gram, norms), shapes), norms)
        step()
    return sums.result()


def _names(adapters: Sequence[Mapping[str, ModuleSketch]]) -> list[str]:
    return sorted({name for one in adapters for name in one})


def _apart(found: Matrix, shapes: Sequence[tuple[int, int] | None]) -> Matrix:
    """Take out pairs of different shapes, which cannot be of one base model."""
    kinds = {shape: number for number, shape in enumerate(dict.fromkeys(shapes))}
    if len(kinds) > 1:
        numbers = np.array([kinds[shape] for shape in shapes])
        found[numbers[:, None] != numbers[None, :]] = np.nan
    return found


def _module_gram(
    name: str, count: int, load: Callable[[int, str], Factors | None], tile_bytes: int
) -> tuple[Matrix, list[tuple[int, int] | None]]:
    gram = np.zeros((count, count))
    shapes: list[tuple[int, int] | None] = [None] * count
    first = next((one for one in (load(at, name) for at in range(count)) if one is not None), None)
    size = max(1, tile_bytes // (first.a.nbytes + first.b.nbytes)) if first else count
    starts = range(0, count, size)
    for start in starts:
        rows = [load(at, name) for at in range(start, min(start + size, count))]
        shapes[start : start + len(rows)] = [one.shape if one else None for one in rows]
        for other in starts:
            if other < start:
                continue
            columns = rows if other == start else [load(at, name) for at in range(other, min(other + size, count))]
            found = _tile(rows, columns)
            gram[start : start + len(rows), other : other + len(columns)] = found
            gram[other : other + len(columns), start : start + len(rows)] = found.T
    return gram, shapes


def _tile(rows: Sequence[Factors | None], columns: Sequence[Factors | None]) -> Matrix:
    """Give the inner products (rows, columns); 0 where a shape differs or there are no factors."""
    found = np.zeros((len(rows), len(columns)))
    for shape in dict.fromkeys(one.shape for one in rows if one is not None):
        left = [at for at, one in enumerate(rows) if one is not None and one.shape == shape]
        right = [at for at, one in enumerate(columns) if one is not None and one.shape == shape]
        if right:
            product = _products([rows[at] for at in left], [columns[at] for at in right])  # type: ignore[misc]
            found[np.ix_(left, right)] = product
    return found


def _products(rows: Sequence[Factors], columns: Sequence[Factors]) -> Matrix:
    """Give the inner products, batch by batch; of the same factors with themselves only one half is computed."""
    across, down = _batches(columns), _batches(rows)
    same = len(rows) == len(columns) and all(one is other for one, other in zip(rows, columns, strict=True))
    blocks: list[list[Matrix]] = []
    for number, some in enumerate(down):
        left = _stacked(some)
        blocks.append(
            [
                blocks[beside][number].T if same and beside < number else _block(left, _stacked(others))
                for beside, others in enumerate(across)
            ]
        )
    return np.block(blocks)


def _block(left: _Stack, right: _Stack) -> Matrix:
    """Sum (B1^T B2) * (A1 A2^T) over each pair's block of ranks."""
    both = (left.a @ right.a.T) * (left.b @ right.b.T)  # (ranks, ranks)
    found: Matrix = np.add.reduceat(np.add.reduceat(both, left.starts, axis=0), right.starts, axis=1)
    return found


def _batches(factors: Sequence[Factors]) -> list[list[Factors]]:
    batches: list[list[Factors]] = [[]]
    for one in factors:
        if batches[-1] and sum(other.a.shape[0] for other in batches[-1]) + one.a.shape[0] > _ROWS:
            batches.append([])
        batches[-1].append(one)
    return batches


def _stacked(factors: Sequence[Factors]) -> _Stack:
    ranks = [one.a.shape[0] for one in factors]
    return _Stack(
        a=np.concatenate([one.a for one in factors]).astype(np.float64),
        b=np.concatenate([one.b.T.astype(np.float64) * one.scale for one in factors]),
        starts=[sum(ranks[:at]) for at in range(len(ranks))],
    )
