"""Axes: every value has a place, ticks are round, few and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.html.axis import axis_over, stepped_axis
from harness.report.html.numbers import plain

VALUES = st.lists(st.floats(min_value=0, max_value=1e9, allow_subnormal=False), min_size=1, max_size=20)


def labels(*values: float, log: bool | None = None) -> list[str]:
    return [one.label for one in axis_over(values, label=plain, log=log).ticks]


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((4.0, 6.0), ["4", "4.5", "5", "5.5", "6"]),
        ((0.0, 10.0), ["0", "2", "4", "6", "8", "10"]),
        ((5.0, 200.0), ["5", "10", "20", "50", "100", "200"]),
        ((2.0, 90_000.0), ["10", "100", "1,000", "10,000", "100,000"]),
    ],
)
def test_ticks_are_round(values: tuple[float, ...], ticks: list[str]) -> None:
    assert labels(*values) == ticks


def test_values_far_apart_get_magnitudes() -> None:
    assert not axis_over([5, 90], label=plain).log
    assert axis_over([5, 110], label=plain).log
    assert not axis_over([0, 110], label=plain).log, "0 has no place among magnitudes"


def test_one_value_alone_has_an_axis() -> None:
    axis = axis_over([7.0], label=plain)
    assert axis.low <= 7 <= axis.high and axis.low < axis.high


@given(VALUES, st.sampled_from([True, False, None]))
def test_every_value_has_a_place(values: list[float], log: bool | None) -> None:
    axis = axis_over(values, label=plain, log=log)
    places = [axis.at(one) for one in sorted(values)]
    assert all(0 <= one <= 1 for one in places)
    assert places == sorted(places)
    assert 0 < len(axis.ticks) <= 10
    assert [one.at for one in axis.ticks] == sorted(one.at for one in axis.ticks)


@pytest.mark.parametrize(
    ("high", "bins", "ticks"),
    [(10, 21, "0 2 4 6 8 10"), (100, 21, "0 20 40 60 80 100"), (0, 21, "0 0.2 0.4 0.6 0.8 1")],
)
def test_bins_of_points_have_round_middles(high: float, bins: int, ticks: str) -> None:
    axis, count = stepped_axis(high, label=plain)
    assert count == bins
    assert " ".join(one.label for one in axis.ticks) == ticks
    assert axis.at(0) == pytest.approx(0.5 / bins)
    assert axis.at(high or 1) == pytest.approx(1 - 0.5 / bins)
