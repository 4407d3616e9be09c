"""Plots lose no value and put each where it belongs."""

from hypothesis import given
from hypothesis import strategies as st

from harness.report.html.axis import axis_over, stepped_axis
from harness.report.html.numbers import plain
from harness.report.html.plots import histogram, ranges, scatter
from harness.report.html.spread import spread


@given(st.lists(st.floats(min_value=0.01, max_value=1e6), min_size=1, max_size=50))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    plot = histogram(values, axis_over(values, label=plain))
    assert plot is not None
    assert sum(one.count for one in plot.bars) == len(values)
    assert max(one.count for one in plot.bars) <= plot.most
    assert all(one.low < one.high for one in plot.bars)


def test_points_lie_in_the_middle_of_their_bins() -> None:
    axis, bins = stepped_axis(10, label=plain)
    plot = histogram([0, 4, 4, 10], axis, bins=bins)
    assert plot is not None
    assert [(one.low, one.high, one.count) for one in plot.bars] == [
        (-0.25, 0.25, 1),
        (3.75, 4.25, 2),
        (9.75, 10.25, 1),
    ]


def test_names_of_near_thresholds_stand_in_rows() -> None:
    axis = axis_over([1, 100], label=plain)
    plot = histogram([5.0], axis, marks={"public": 20.0, "strong": 16.0, "far": 1.5})
    assert plot is not None
    assert [(one.name, one.row) for one in plot.marks] == [("far", 0), ("strong", 0), ("public", 1)]


def test_counts_on_the_axis_are_whole() -> None:
    plot = histogram([1.0, 2.0], axis_over([1, 2], label=plain))
    assert plot is not None
    assert [one.label for one in plot.counts] == ["0", "1"]


def test_nothing_gives_no_plot() -> None:
    assert histogram([], axis_over([1], label=plain)) is None
    assert ranges({}, label=plain, nice=(), least=1) is None
    assert scatter([(0, 1)], label=plain) is None


def test_ranges_share_an_axis_with_their_limits() -> None:
    fast, slow = spread([0.0, 1.0, 2.0]), spread([10.0, 100.0])
    assert fast and slow
    plot = ranges({"a": fast, "b": slow}, label=plain, nice=(1, 10, 100), least=0.1, limits={"b": 1000.0})
    assert plot is not None
    a, b = plot.rows
    assert 0 <= a.least < a.median < a.most < b.least < b.median < b.most < (b.limit or 0) <= 1
    assert a.limit is None
    assert [one.label for one in plot.x.ticks] == ["1", "10", "100"]


def test_a_pair_of_equal_values_lies_on_the_line() -> None:
    plot = scatter([(5, 5), (50, 10)], label=plain)
    assert plot is not None
    (x, y), (base, adapter) = plot.dots
    assert x == y
    assert adapter < base
