"""How long is waited between tries."""

import pytest

from harness.stages.retries import Retries


def test_each_wait_is_longer_and_half_of_it_by_chance() -> None:
    retries = Retries(tries=4, first_s=3.0, factor=4.0)
    for done, longest_s in ((1, 3.0), (2, 12.0), (3, 48.0)):
        waits = [retries.wait_s(done, seed=f"r{number}") for number in range(200)]
        assert all(wait is not None and longest_s / 2 <= wait <= longest_s for wait in waits)
        assert len(set(waits)) == 200
    assert retries.wait_s(4, seed="r1") is None


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_submission_waits_the_same_each_time(done: int) -> None:
    assert Retries().wait_s(done, seed="a") == Retries().wait_s(done, seed="a") != Retries().wait_s(done, seed="b")
