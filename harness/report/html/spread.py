"""How values are spread: a few figures for many. Must not know what they measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Number of values, median, 90th percentile (nearest rank), the least and the most; None where it is not told."""

    count: int
    median: float
    p90: float | None
    least: float | None
    most: float | None


def spread(values: Sequence[float]) -> Spread | None:
    """Put values into a few figures; None where there are none."""
    if not values:
        return None
    ordered = sorted(values)
    p90 = ordered[ceil(0.9 * len(ordered)) - 1]
    return Spread(count=len(ordered), median=median(ordered), p90=p90, least=ordered[0], most=ordered[-1])
