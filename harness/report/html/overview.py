"""The first page's figures out of the tally. Must not know what they look like."""

from harness.report.html.axis import axis_over, stepped_axis
from harness.report.html.numbers import places_of, plain, points, round_seconds, round_size
from harness.report.html.plots import Histogram, Ranges, histogram, ranges
from harness.report.html.rows import Standing
from harness.report.html.spread import spread
from harness.report.html.tally import Tally
from harness.report.html.times import day
from harness.report.html.views import About, Audience, Overview

FEWEST = 5
"""With fewer submissions, what is said of all of them says too much of each."""

TIMES_S = (0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000)
SIZES = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11)


def overview(tally: Tally, about: About, *, audience: Audience) -> Overview:
    """Put a tally into figures; for the public without rows, and without figures of few."""
    few = audience == "public" and len(tally.rows) < FEWEST
    stages = () if few else tally.stages
    return Overview(
        submissions=len(tally.rows),
        standings=tally.standings,
        rows=tuple(sorted(tally.rows, key=lambda one: one.id)) if audience == "staff" else (),
        few=few,
        scores=None if few else scores_plot(tally, about),
        score_spread=None if few else spread(tally.perplexities),
        points=None if few else points_plot(tally),
        points_spread=None if few else spread(tally.totals),
        possible=tally.possible,
        places=places_of(tally.totals + [one.late_penalty for one in tally.rows if one.late_penalty]),
        stages=stages,
        statuses=tuple({status: 0 for one in stages for status, count in one.ended.items() if count}),
        times=None if few else times_plot(tally),
        memory=None if few else memory_plot(tally),
        findings=() if few else tally.findings,
        outcomes=tuple(one for one in Standing if tally.standings[one]),
        graded_from=day(min(tally.graded_at, default=""), about.zone),
        graded_to=day(max(tally.graded_at, default=""), about.zone),
        sandboxes=tuple(sorted(tally.sandboxes)),
        versions=tuple(sorted(tally.versions)),
        not_isolated=tally.not_isolated,
    )


def scores_plot(tally: Tally, about: About) -> Histogram | None:
    """Perplexities with the thresholds."""
    values = tally.perplexities
    if not values:
        return None
    x = axis_over([*values, *about.thresholds.values()], label=plain)
    return histogram(values, x, marks=about.thresholds)


def points_plot(tally: Tally) -> Histogram | None:
    """Points, from 0 to what is possible."""
    x, bins = stepped_axis(tally.possible, label=points)
    return histogram(tally.totals, x, bins=bins)


def times_plot(tally: Tally) -> Ranges | None:
    """Times of the stages with their budgets."""
    spreads = {one.stage: one.duration_s for one in tally.stages if one.duration_s}
    budgets = {one.stage: one.budget_s for one in tally.stages if one.budget_s and one.stage in spreads}
    return ranges(spreads, label=round_seconds, nice=TIMES_S, least=0.001, limits=budgets)


def memory_plot(tally: Tally) -> Ranges | None:
    """Peak memory of the stages that run a program."""
    spreads = {one.stage: one.memory_bytes for one in tally.stages if one.memory_bytes}
    return ranges(spreads, label=round_size, nice=SIZES, least=1.0)
