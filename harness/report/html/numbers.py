"""Figures as a page shows them. Must not know what they count."""

MINUS = "−"
NOTHING = "–"


def figure(value: float | None, digits: int = 3) -> str:
    """Give a number to so many significant digits, without an exponent and at least its whole part: 0.0123, 12.3, 1,051."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    places = max(0, digits - whole)
    text = f"{value:,.{places}f}" if abs(value) >= 0.001 else f"{value:.{digits}g}"
    return text.replace("-", MINUS)


def points(value: float | None) -> str:
    """Give points: at most two places, and none that says nothing."""
    return NOTHING if value is None else f"{round(value, 2):g}".replace("-", MINUS)


def seconds(value: float | None) -> str:
    """Give a time: 0.35 s, 12.5 s, 3:20 min, 1:02:03 h."""
    if value is None:
        return NOTHING
    if value < 0.95:
        return f"{value:.2g} s" if value else "0 s"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def size(value: float | None) -> str:
    """Give a size in bytes, kB, MB or GB."""
    if value is None:
        return NOTHING
    if value < 1_000:
        return f"{value:g} B"
    for factor, unit in ((1e3, "kB"), (1e6, "MB"), (1e9, "GB")):
        if value < 999.5 * factor:
            break
    return f"{figure(value / factor)} {unit}"


def share(value: float | None) -> str:
    """Give a share of 1 in percent."""
    if value is None:
        return NOTHING
    return f"{value * 100:.1f}%" if value < 0.0995 else f"{value * 100:.0f}%"
