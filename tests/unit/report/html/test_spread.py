"""Median and 90th percentile."""

import pytest

from harness.report.html.spread import Spread, spread


@pytest.mark.parametrize(
    ("values", "median", "p90"),
    [([3.0], 3, 3), ([1.0, 4.0], 2.5, 4), ([5.0, 1.0, 3.0], 3, 5), ([float(one) for one in range(1, 11)], 5.5, 9)],
)
def test_spread(values: list[float], median: float, p90: float) -> None:
    assert spread(values) == Spread(count=len(values), median=median, p90=p90, least=min(values), most=max(values))


def test_nothing_has_none() -> None:
    assert spread([]) is None
