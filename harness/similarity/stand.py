"""Where a pair stands among all pairs: there is no threshold, only the others. Pure numbers."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 10
# Of a normal distribution, median or mean absolute deviation times these is the standard deviation.
_OF_MEDIAN, _OF_MEAN = 1.4826, 1.2533


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """All pairs' values: how many, their median, median and mean absolute deviation from it, the highest."""

    pairs: int
    median: float
    mad: float
    mean_deviation: float
    highest: float

    def robust_z(self, value: float) -> float | None:
        """Give how many deviations a value lies above the median; None where too few pairs or no spread tell it.

        Where more than half of the pairs are equal (code that has nothing in common), the mean deviation stands in, as
        in B. Iglewicz, D. Hoaglin, "How to Detect and Handle Outliers", 1993.
        """
        deviation = _OF_MEDIAN * self.mad or _OF_MEAN * self.mean_deviation
        if self.pairs < FEWEST or deviation <= 1e-9 or math.isnan(value):
            return None
        return (value - self.median) / deviation


def spread(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> Spread | None:
    """Describe the pairs above the diagonal that count and have a value; None where there is none."""
    upper = np.triu(np.ones_like(counted), 1) & counted
    told = values[upper]
    told = told[~np.isnan(told)]
    if not told.size:
        return None
    median = float(np.median(told))
    deviations = np.abs(told - median)
    return Spread(
        pairs=int(told.size),
        median=median,
        mad=float(np.median(deviations)),
        mean_deviation=float(np.mean(deviations)),
        highest=float(np.max(told)),
    )


def ranked(keys: NDArray[np.float64], counted: NDArray[np.bool_], most: int) -> list[tuple[int, int]]:
    """Give the `most` pairs with the highest keys, highest first; those without a value are left out."""
    upper = np.triu(np.ones_like(counted), 1) & counted & ~np.isnan(keys)
    rows, columns = np.nonzero(upper)
    order = np.argsort(-keys[rows, columns], kind="stable")[:most]
    return [(int(rows[at]), int(columns[at])) for at in order]
