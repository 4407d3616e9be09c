import numpy as np
import pytest

from harness.similarity.stand import ranked, spread

ALL = np.ones((6, 6), np.bool_)


def square(*values: float) -> np.ndarray:  # type: ignore[type-arg]
    matrix = np.zeros((6, 6))
    matrix[np.triu_indices(6, 1)] = values
    return matrix + matrix.T


def test_one_pair_stands_out() -> None:
    values = square(*(0.1, 0.2, 0.1, 0.2, 0.3, 0.2, 0.1, 0.2, 0.9, 0.2, 0.3, 0.1, 0.2, 0.3, 0.2))
    found = spread(values, ALL)
    assert found is not None
    assert (found.pairs, found.median, found.highest) == (15, pytest.approx(0.2), 0.9)
    assert found.robust_z(0.9) == pytest.approx((0.9 - 0.2) / (1.4826 * found.mad))
    assert ranked(values, ALL, 2)[0] == (1, 5)


def test_pairs_that_do_not_count_or_have_no_value() -> None:
    values = square(*range(15))
    values[0, 1] = values[1, 0] = np.nan
    counted = ALL.copy()
    counted[4, 5] = counted[5, 4] = False
    found = spread(values, counted)
    assert found is not None and found.pairs == 13 and found.highest == 13
    assert (4, 5) not in ranked(values, counted, 99) and len(ranked(values, counted, 99)) == 13
    assert spread(values, np.zeros_like(ALL)) is None


def test_few_pairs_or_no_spread_tell_no_z() -> None:
    few = spread(square(*range(15)), np.outer(*[np.arange(6) < 3] * 2))
    assert few is not None and few.pairs == 3 and few.robust_z(9) is None
    flat = spread(square(*[0.5] * 15), ALL)
    assert flat is not None and flat.robust_z(0.9) is None


def test_where_most_pairs_are_equal_the_mean_deviation_stands_in() -> None:
    found = spread(square(*[0.0] * 14, 0.6), ALL)
    assert found is not None and found.mad == 0
    assert found.robust_z(0.6) == pytest.approx(0.6 / (1.2533 * 0.6 / 15))
    assert found.robust_z(0.0) == 0
