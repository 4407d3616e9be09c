"""What may be told to others of many: figures behind which enough submissions stand. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import TypeVar

from harness.report.html.axis import Axis
from harness.report.html.plots import Bar, Histogram, histogram
from harness.report.html.spread import Spread
from harness.report.html.tally import FindingFigures, StageFigures

_Kind = TypeVar("_Kind")

FEWEST = 5
"""With fewer submissions behind it, a figure of all says too much of each."""


def told_count(counts: Mapping[_Kind, int | None]) -> dict[_Kind, int | None]:
    """Leave out how many they are where they are few; that there are none is said."""
    return {kind: None if count and count < FEWEST else count for kind, count in counts.items()}


def told_spread(values: Spread | None) -> Spread | None:
    """Keep the median of enough values, and the 90th percentile where enough lie at or above it; never the ends."""
    if values is None or values.count < FEWEST:
        return None
    above = values.count - ceil(0.9 * values.count) + 1
    return replace(values, least=None, most=None, p90=values.p90 if above >= FEWEST else None)


def told_stage(stage: StageFigures) -> StageFigures:
    """Apply the minimum to all that is said of a stage."""
    return replace(
        stage,
        ended=told_count(stage.ended),
        duration_s=told_spread(stage.duration_s),
        memory_bytes=told_spread(stage.memory_bytes),
        vram_bytes=None,
        gpu_seconds=stage.gpu_seconds if stage.gpu_count >= FEWEST else None,
    )


def told_findings(findings: Sequence[FindingFigures]) -> tuple[FindingFigures, ...]:
    """Keep the codes that enough submissions have."""
    return tuple(one for one in findings if one.submissions >= FEWEST)


def inner(values: Sequence[float]) -> list[float]:
    """Move the lowest values up to the fifth lowest and the highest down to the fifth highest; nothing of too few."""
    ordered = sorted(values)
    if len(ordered) < 2 * FEWEST:
        return []
    low, high = ordered[FEWEST - 1], ordered[-FEWEST]
    return [min(high, max(low, one)) for one in ordered]


def crowd_histogram(
    values: Sequence[float], x: Axis, *, bins: Sequence[int], marks: Mapping[str, float] | None = None
) -> Histogram | None:
    """Count inner values in as many bins as leave none with few; None where no two such bins are left.

    Args:
        values: As `inner` gives them: the first and the last bar stand for all beyond, too, and are open.
        x: The axis they lie on.
        bins: How many to try, the most first.
        marks: Named values to mark.
    """
    for number in bins:
        plot = histogram(values, x, bins=number, marks=marks)
        if plot and len(plot.bars) > 1 and min(one.count for one in plot.bars) >= FEWEST:
            return replace(plot, bars=_open(plot.bars))
    return None


def _open(bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    first, *others = bars
    *middle, last = others
    return (replace(first, low=None), *middle, replace(last, high=None))
