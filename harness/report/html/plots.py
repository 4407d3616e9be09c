"""The geometry of the plots, in units of their drawing area. Draws nothing: templates do, and print the figures too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.report.html.axis import Axis, Tick, axis_over
from harness.report.html.spread import Spread

BINS = 24
_NEAR = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bin: where it begins and ends (0 to 1), between which values (None: all beyond), and how many lie in it."""

    start: float
    end: float
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A named value across the plot; `row` keeps names of near ones apart."""

    at: float
    name: str
    value: float
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many values lie where; `most` is what the height stands for."""

    x: Axis
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    counts: tuple[Tick, ...]
    most: float


def histogram(
    values: Sequence[float], x: Axis, *, bins: int = BINS, marks: Mapping[str, float] | None = None
) -> Histogram | None:
    """Count values in bins of equal width on the axis; None where there are none.

    Args:
        values: What is counted.
        x: The axis they lie on.
        bins: How many.
        marks: Named values to mark.
    """
    if not values:
        return None
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int(x.at(value) * bins))] += 1
    bars = (
        Bar(
            start=number / bins,
            end=(number + 1) / bins,
            low=x.value(number / bins),
            high=x.value((number + 1) / bins),
            count=count,
        )
        for number, count in enumerate(counts)
        if count
    )
    y = axis_over([0, max(counts)], label=lambda value: f"{value:.0f}", log=False)
    whole = tuple(one for one in y.ticks if abs(one.at * y.high - round(one.at * y.high)) < 1e-9)
    return Histogram(x=x, bars=tuple(bars), marks=_marks(x, marks or {}), counts=whole, most=y.high)


def _marks(x: Axis, marks: Mapping[str, float]) -> tuple[Mark, ...]:
    found: list[Mark] = []
    for name, value in sorted(marks.items(), key=lambda one: one[1]):
        near = found and x.at(value) - found[-1].at < _NEAR
        found.append(Mark(at=x.at(value), name=name, value=value, row=(found[-1].row + 1) % 3 if near else 0))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A line of a plot of ranges; all but the name are places on the axis, None where that is not told."""

    name: str
    least: float | None
    median: float
    p90: float | None
    most: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Spreads of like values below each other."""

    x: Axis
    rows: tuple[Range, ...]


def ranges(
    spreads: Mapping[str, Spread],
    *,
    label: Callable[[float], str],
    nice: Sequence[float],
    least: float,
    limits: Mapping[str, float] | None = None,
) -> Ranges | None:
    """Lay spreads of like values on one axis by magnitudes; None where there are none.

    Args:
        spreads: By name.
        label: Names a value on the axis.
        nice: Values to name on it.
        least: Smaller values count as this.
        limits: What each may be at most, where that is known.
    """
    if not spreads:
        return None
    limits = limits or {}
    told = (value for one in spreads.values() for value in (one.least, one.median, one.p90, one.most))
    values = [max(least, value) for value in told if value is not None]
    x = axis_over([*values, *limits.values()], label=label, log=True, nice=nice)

    def at(value: float | None) -> float | None:
        return None if value is None else x.at(max(least, value))

    rows = (
        Range(
            name=name,
            least=at(one.least),
            median=x.at(max(least, one.median)),
            p90=at(one.p90),
            most=at(one.most),
            limit=x.at(limits[name]) if name in limits else None,
        )
        for name, one in spreads.items()
    )
    return Ranges(x=x, rows=tuple(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Pairs of values on one axis for both directions."""

    axis: Axis
    dots: tuple[tuple[float, float], ...]


def scatter(pairs: Sequence[tuple[float, float]], *, label: Callable[[float], str]) -> Scatter | None:
    """Lay pairs over an axis by magnitudes; None where there are none."""
    positive = [(a, b) for a, b in pairs if a > 0 and b > 0]
    if not positive:
        return None
    axis = axis_over([value for pair in positive for value in pair], label=label, log=True)
    return Scatter(axis=axis, dots=tuple((axis.at(a), axis.at(b)) for a, b in positive))
