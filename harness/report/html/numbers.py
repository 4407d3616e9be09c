"""Figures as a page shows them. Must not know what they count."""

from collections.abc import Iterable

MINUS = "−"
NOTHING = "–"
_UNITS = ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"))


def figure(value: float | None, digits: int = 3) -> str:
    """Give a number to so many significant digits, and at least its whole part: 0.0123, 12.3, 1,051."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    rounded = abs(float(f"{value:.{digits}g}"))
    whole = len(str(int(rounded))) if rounded >= 1 else 0
    places = max(0, digits - whole)
    text = f"{value:,.{places}f}" if whole else f"{value:.{digits}g}"
    return text.replace("-", MINUS)


def points(value: float | None) -> str:
    """Give points: at most two places, and none that says nothing."""
    return NOTHING if value is None else f"{round(value, 2):g}".replace("-", MINUS)


def places_of(values: Iterable[float]) -> int:
    """Give how many places, at most two, a column of points needs so that none loses anything."""
    return max((next((n for n in (0, 1) if round(one, n) == round(one, 2)), 2) for one in values), default=0)


def fixed(value: float | None, places: int = 2) -> str:
    """Give a number for a column of like ones: all with the same places, so that they stand below each other."""
    return NOTHING if value is None else f"{value:,.{places}f}".replace("-", MINUS)


def plain(value: float) -> str:
    """Give a round number as a person would write it: 0.5, 20, 1,000."""
    return f"{value:,.6g}".replace("-", MINUS)


def clock(value: float | None) -> str:
    """Give a time as minutes and seconds, with hours where there are some."""
    if value is None:
        return NOTHING
    minutes, rest = divmod(round(value), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def round_seconds(value: float) -> str:
    """Give a round time: 0.1 s, 10 s, 1 min, 1 h."""
    factor, unit = next((one for one in ((3600, "h"), (60, "min")) if value >= one[0]), (1, "s"))
    return f"{value / factor:g} {unit}"


def round_size(value: float) -> str:
    """Give a round size: 10 MB, 1 GB."""
    factor, unit = next((one for one in reversed(_UNITS) if value >= one[0]), (1, "B"))
    return f"{value / factor:g} {unit}"


def seconds(value: float | None) -> str:
    """Give a time: <0.01 s, 0.35 s, 12.5 s, 3:20 min, 1:02:03 h."""
    if value is None:
        return NOTHING
    if 0 < value < 0.01:
        return "<0.01 s"
    if value < 0.95:
        return f"{value:.2g} s"
    if value < 99.95:
        return f"{value:.1f} s"
    return f"{clock(value)} {'min' if round(value) < 3600 else 'h'}"


def size(value: float | None) -> str:
    """Give a size in bytes, kB, MB or GB."""
    if value is None:
        return NOTHING
    if value < 1_000:
        return f"{value:g} B"
    factor, unit = next((one for one in _UNITS if value < 999.5 * one[0]), _UNITS[-1])
    return f"{figure(value / factor)} {unit}"


def share(value: float | None) -> str:
    """Give a share of 1 in percent."""
    if value is None:
        return NOTHING
    return f"{value * 100:.1f}%" if value < 0.0995 else f"{value * 100:.0f}%"
