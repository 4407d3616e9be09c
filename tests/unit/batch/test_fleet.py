"""Places on members that come and go: order, balance, patience, and an end."""

import threading
import time

import pytest

from harness.batch.fleet import Fleet, Member
from harness.errors import Cancelled, EnvironmentFault


def member(name: str, capacity: int = 1) -> Member:
    return Member(name=name, capacity=capacity, handle=None)


def fleet(patience_s: float = 60.0) -> Fleet:
    return Fleet(patience_s=patience_s, why=lambda: "node-1: its image is another one.")


def test_the_least_busy_is_taken_and_none_beyond_its_capacity() -> None:
    some = fleet()
    small, large = member("small"), member("large", 3)
    some.join(small)
    some.join(large)
    with some.take(0) as first, some.take(1) as second, some.take(2) as third, some.take(3) as fourth:
        assert [one.name for one in (first, second, third, fourth)] == ["small", "large", "large", "large"]
        assert (small.busy, large.busy) == (1, 3)
    assert (small.busy, large.busy) == (0, 0)


def test_whoever_waits_is_served_in_the_order_of_submissions() -> None:
    some, served = fleet(), list[int]()

    def work(order: int) -> None:
        with some.take(order):
            served.append(order)

    threads = [threading.Thread(target=work, args=(order,)) for order in (3, 1, 2, 0)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    some.join(member("one"))
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3]


def test_one_that_left_takes_no_more() -> None:
    some, gone, stays = fleet(), member("gone", 9), member("stays", 1)
    some.join(gone)
    some.join(stays)
    assert some.leave(gone) and not some.leave(gone)
    with some.take(0) as taken:
        assert taken is stays


def test_waiting_for_nobody_ends_with_the_reasons() -> None:
    some = fleet(patience_s=0.2)
    began = time.monotonic()
    with pytest.raises(EnvironmentFault) as caught, some.take(0):
        pass
    assert str(caught.value) == "No node of the cluster could grade for 0 s. node-1: its image is another one."
    assert "--resume" in caught.value.remedy
    assert 0.2 <= time.monotonic() - began < 2
    with pytest.raises(EnvironmentFault), some.take(1):  # at once
        pass
    assert time.monotonic() - began < 2
    back = member("back")
    some.join(back)
    with some.take(2) as taken:
        assert taken is back
    some.leave(back)
    began = time.monotonic()
    with pytest.raises(EnvironmentFault), some.take(3):
        pass
    assert time.monotonic() - began >= 0.2  # patience begins anew


def test_the_first_one_is_not_waited_for_where_there_is_no_hope() -> None:
    with pytest.raises(EnvironmentFault, match=r"^No node of the cluster can grade\. node-1: its image"):
        fleet().wait_for_one(hopeless=lambda: True)


def test_the_user_need_not_wait_for_the_first_one() -> None:
    with pytest.raises(Cancelled):
        fleet().wait_for_one(hopeless=lambda: False, presses=lambda: 1)


def test_a_closed_fleet_turns_away_who_waits_and_who_comes() -> None:
    some, turned = fleet(), list[int]()
    some.join(member("one"))

    def wait() -> None:
        try:
            with some.take(1):
                pass
        except Cancelled:
            turned.append(1)

    with some.take(0):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        some.close()
        waiting.join(5)
        assert turned == [1]
    with pytest.raises(Cancelled), some.take(2):
        pass
