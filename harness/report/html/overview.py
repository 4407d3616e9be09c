"""The first page's figures out of the tally. Must not know what they look like."""

from collections.abc import Sequence

from harness.report.html.axis import axis_over, stepped_axis
from harness.report.html.crowd import (
    FEWEST,
    crowd_histogram,
    inner,
    told_count,
    told_findings,
    told_spread,
    told_stage,
)
from harness.report.html.numbers import places_of, plain, points, round_seconds, round_size
from harness.report.html.plots import Histogram, Ranges, histogram, ranges
from harness.report.html.rows import Standing
from harness.report.html.spread import spread
from harness.report.html.tally import StageFigures, Tally
from harness.report.html.times import day
from harness.report.html.views import About, Audience, Overview

FEWER_BINS = (20, 10, 5, 4, 2)
TIMES_S = (0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000)
SIZES = (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11)


def overview(tally: Tally, about: About, *, audience: Audience) -> Overview:
    """Put a tally into figures; for the public without rows, and without figures of few."""
    public = audience == "public"
    few = public and len(tally.rows) < FEWEST
    stages = () if few else tuple(map(told_stage, tally.stages)) if public else tally.stages
    scores, totals = spread(tally.perplexities), spread(tally.totals)
    return Overview(
        submissions=len(tally.rows),
        standings=told_count(tally.standings) if public else dict(tally.standings),
        rows=() if public else tuple(sorted(tally.rows, key=lambda one: one.id)),
        few=few,
        scores=scores_plot(tally, about, public=public),
        score_spread=told_spread(scores) if public else scores,
        points=points_plot(tally, public=public),
        points_spread=told_spread(totals) if public else totals,
        possible=tally.possible,
        places=places_of(tally.totals + [one.late_penalty for one in tally.rows if one.late_penalty]),
        stages=stages,
        statuses=tuple({status: 0 for one in stages for status, count in one.ended.items() if count != 0}),
        times=times_plot(stages),
        memory=memory_plot(stages),
        findings=told_findings(tally.findings) if public else tally.findings,
        outcomes=tuple(one for one in Standing if tally.standings[one]),
        graded_from=day(min(tally.graded_at, default=""), about.zone),
        graded_to=day(max(tally.graded_at, default=""), about.zone),
        sandboxes=tuple(sorted(tally.sandboxes)),
        versions=tuple(sorted(tally.versions)),
        not_isolated=tally.not_isolated,
    )


def scores_plot(tally: Tally, about: About, *, public: bool) -> Histogram | None:
    """Perplexities with the thresholds."""
    values = inner(tally.perplexities) if public else tally.perplexities
    if not values:
        return None
    # One digit: where the axis ends must not say what anybody has.
    ends = [float(f"{one:.1g}") for one in (min(values), max(values))] if public else values
    x = axis_over([*ends, *about.thresholds.values()], label=plain)
    if public:
        return crowd_histogram(values, x, bins=FEWER_BINS, marks=about.thresholds)
    return histogram(values, x, marks=about.thresholds)


def points_plot(tally: Tally, *, public: bool) -> Histogram | None:
    """Points, from 0 to what is possible."""
    if public:
        x = axis_over([0, tally.possible], label=points, log=False)
        return crowd_histogram(inner(tally.totals), x, bins=FEWER_BINS)
    x, bins = stepped_axis(tally.possible, label=points)
    return histogram(tally.totals, x, bins=bins)


def times_plot(stages: Sequence[StageFigures]) -> Ranges | None:
    """Times of the stages with their budgets."""
    spreads = {one.stage: one.duration_s for one in stages if one.duration_s}
    budgets = {one.stage: one.budget_s for one in stages if one.budget_s and one.stage in spreads}
    return ranges(spreads, label=round_seconds, nice=TIMES_S, least=0.001, limits=budgets)


def memory_plot(stages: Sequence[StageFigures]) -> Ranges | None:
    """Peak memory of the stages that run a program."""
    spreads = {one.stage: one.memory_bytes for one in stages if one.memory_bytes}
    return ranges(spreads, label=round_size, nice=SIZES, least=1.0)
