"""An axis of a plot: where a value lies between 0 and 1, and which values are named. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

WIDE = 20.0
_MOST_TICKS = 8
_STEPS_IN_TICK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A named value and where it lies."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis from `low` to `high`, by magnitudes where `log`."""

    low: float
    high: float
    log: bool
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """Give the place of a value, 0 to 1; what lies outside is moved to the end."""
        return min(1.0, max(0.0, _place(value, self.low, self.high, self.log)))

    def value(self, place: float) -> float:
        """Give the value at a place."""
        if self.log:
            return float(10 ** (log10(self.low) + place * (log10(self.high) - log10(self.low))))
        return self.low + place * (self.high - self.low)


def axis_over(
    values: Iterable[float],
    *,
    label: Callable[[float], str],
    log: bool | None = None,
    nice: Sequence[float] = (),
) -> Axis:
    """Lay an axis over all values.

    Args:
        values: At least one; what is not above 0 has no place on an axis by magnitudes.
        label: Names a value.
        log: By magnitudes; None decides by how far the values lie apart.
        nice: Values to name, such as times that people know; without them round ones are taken.
    """
    found = list(values)
    positive = [one for one in found if one > 0]
    low, high = min(found), max(found)
    if log is None:
        log = len(positive) == len(found) and high / low > WIDE
    if log and positive:
        low, high = min(positive) / 1.15, max(positive) * 1.15
        ticks = [one for one in nice if low <= one <= high] if nice else _magnitudes(low, high)
    else:
        step = _step(high - low or abs(high) or 1.0)
        low, high = floor(low / step) * step, ceil(high / step) * step
        high = high if high > low else low + step
        ticks = [low + step * number for number in range(round((high - low) / step) + 1)]
    log = bool(log and positive)
    named = tuple(Tick(at=_place(one, low, high, log), label=label(one)) for one in ticks)
    return Axis(low=low, high=high, log=log, ticks=named)


def stepped_axis(high: float, *, label: Callable[[float], str]) -> tuple[Axis, int]:
    """Lay an axis from 0 to `high` whose bins have round values in their middle; give it and the number of bins."""
    step = _step((high or 1.0) / _STEPS_IN_TICK)
    bins = round((high or 1.0) / step) + 1
    low, top = -step / 2, (bins - 0.5) * step
    wide = _step(high or 1.0)
    ticks = [wide * number for number in range(int((high or 1.0) / wide + 1e-9) + 1)]
    named = tuple(Tick(at=_place(one, low, top, False), label=label(one)) for one in ticks)
    return Axis(low=low, high=top, log=False, ticks=named), bins


def _place(value: float, low: float, high: float, log: bool) -> float:
    if not log:
        return (value - low) / (high - low)
    return 0.0 if value <= 0 else (log10(value) - log10(low)) / (log10(high) - log10(low))


def _step(width: float) -> float:
    """Give the smallest of 1, 2, 5, 10, 20, … (and tenths) that cuts the width into few steps."""
    power = 10.0 ** floor(log10(width / _MOST_TICKS))
    return next(power * factor for factor in (1, 2, 5, 10, 20) if width / (power * factor) <= _MOST_TICKS)


def _magnitudes(low: float, high: float) -> list[float]:
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        shown = [one for one in ticks if low <= one <= high]
        if len(shown) <= _MOST_TICKS:
            break
    return shown[:: ceil(len(shown) / _MOST_TICKS)] if shown else [low, high]
