"""Figures as pages show them."""

import pytest

from harness.report.html import numbers


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0"),
        (0.00012345, "0.000123"),
        (0.0123, "0.0123"),
        (1, "1.00"),
        (9.999, "10.0"),
        (12.345, "12.3"),
        (253.326, "253"),
        (1050.7, "1,051"),
        (-2.5, "−2.50"),
        (123456789, "123,456,789"),
    ],
)
def test_figure(value: float | None, shown: str) -> None:
    assert numbers.figure(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.0015, "<0.01 s"),
        (0.0512, "0.051 s"),
        (0.35, "0.35 s"),
        (0.97, "1.0 s"),
        (12.34, "12.3 s"),
        (99.96, "1:40 min"),
        (200, "3:20 min"),
        (3599.7, "1:00:00 h"),
        (3723, "1:02:03 h"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert numbers.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.4, "0:00"), (59.6, "1:00"), (223, "3:43"), (3600.4, "1:00:00")],
)
def test_clock(value: float | None, shown: str) -> None:
    assert numbers.clock(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_600, "1.00 MB"),
        (66_100_000, "66.1 MB"),
        (13e9, "13.0 GB"),
        (2.5e12, "2,500 GB"),
    ],
)
def test_size(value: float | None, shown: str) -> None:
    assert numbers.size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0, "0.0%"), (0.0251, "2.5%"), (0.0996, "10%"), (0.625, "62%"), (1, "100%")]
)
def test_share(value: float | None, shown: str) -> None:
    assert numbers.share(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (8, "8"), (-1.2, "−1.2"), (2.345, "2.35"), (0.1 + 0.2, "0.3")]
)
def test_points(value: float | None, shown: str) -> None:
    assert numbers.points(value) == shown


@pytest.mark.parametrize(
    ("values", "places"), [([], 0), ([8, 10], 0), ([8, 2.8], 1), ([8, 2.8, 1.25], 2), ([1 / 3], 2)]
)
def test_a_column_has_the_places_that_it_needs(values: list[float], places: int) -> None:
    assert numbers.places_of(values) == places


def test_a_column_is_aligned() -> None:
    assert [numbers.fixed(one) for one in (4.4321, 1051.1, None, -1)] == ["4.43", "1,051.10", "–", "−1.00"]


def test_round_values() -> None:
    assert [numbers.round_seconds(one) for one in (0.1, 10, 60, 600, 3600)] == [
        "0.1 s",
        "10 s",
        "1 min",
        "10 min",
        "1 h",
    ]
    assert [numbers.round_size(one) for one in (1, 1e3, 1e7, 1e9)] == ["1 B", "1 kB", "10 MB", "1 GB"]
    assert [numbers.plain(one) for one in (0.5, 20.0, 1000.0)] == ["0.5", "20", "1,000"]
