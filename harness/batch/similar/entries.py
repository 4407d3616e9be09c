"""The submissions of one or several runs, to be compared. Must not know how."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.batch.kept import RECORD
from harness.errors import ConfigError
from harness.model.result import Record
from harness.model.similar import Baseline, LeftOut
from harness.schema.record import read_record
from harness.similarity.stand import Spread

Step = Callable[[str, int, int], None]
"""Is told what is done, how much of it, out of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A graded submission: how it is called in the report, its run folder, what is kept of it."""

    label: str
    run: Path
    kept: Path
    record: Record

    @property
    def id(self) -> str:
        """Give the id of the submission."""
        return self.record.submission.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """All submissions in the order of their labels, and those whose record cannot be read."""

    all: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]


def read_entries(runs: Sequence[Path]) -> Entries:
    """Read the records of all runs; a torn one is left out and told.

    Raises:
        ConfigError: A folder is no run, or is given twice.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise ConfigError("A run is given twice.", remedy="Give each run folder once.")
    names = _names(runs)
    found, torn = [], []
    for run in runs:
        kept = sorted(path.parent for path in run.glob(f"submissions/*/{RECORD}"))
        if not kept:
            raise ConfigError(f"{run} holds no graded submission.", remedy="Give the folder that --output named.")
        for folder in kept:
            label = folder.name if len(runs) == 1 else f"{names[run]}/{folder.name}"
            try:
                found.append(Entry(label=label, run=run, kept=folder, record=read_record(folder / RECORD)))
            except ConfigError as error:
                torn.append(LeftOut(submission=label, why=str(error).splitlines()[0]))
    return Entries(all=tuple(found), left_out=tuple(torn))


def _names(runs: Sequence[Path]) -> dict[Path, str]:
    """Call each run by its folder, and where two are called alike by the folder above too."""
    counts = Counter(run.resolve().name for run in runs)
    short = {run: run.resolve() for run in runs}
    return {
        run: path.name if counts[path.name] == 1 else f"{path.parent.name}/{path.name}" for run, path in short.items()
    }


def comparable(entries: Sequence[Entry]) -> NDArray[np.bool_]:
    """Tell which pairs count (n, n): not those of one student, who may hand in twice."""
    ids = np.array([one.id for one in entries], dtype=object)
    different: NDArray[np.bool_] = np.asarray(ids[:, None] != ids[None, :], dtype=np.bool_)
    return different


def baseline_of(found: Spread | None) -> Baseline | None:
    """Round what is reported of all pairs."""
    if found is None:
        return None
    median, mad, highest = (rounded(one) for one in (found.median, found.mad, found.highest))
    return Baseline(pairs=found.pairs, median=median, mad=mad, highest=highest)


def rounded(value: float) -> float:
    """Round to what can be told apart; 0 is not negative."""
    return round(float(value), 6) + 0.0


def z_of(value: float, found: Spread | None) -> float | None:
    """Give the robust z of a pair, for the report."""
    z = None if found is None else found.robust_z(value)
    return None if z is None or not math.isfinite(z) else round(z, 2)
