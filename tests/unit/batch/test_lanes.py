"""Who gets a place, when, and what becomes of the scorer: real threads, no sandbox."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from harness.batch.lanes import WORTH_A_LOAD, Lane, Lanes, Place
from harness.errors import Cancelled
from harness.sandbox.process import ProcessSandbox
from harness.stages.scorer import Scorer

BOTH = frozenset({Lane.RUN, Lane.SCORE})


class FakeScorer:
    """Counts how often it was stopped."""

    def __init__(self) -> None:
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1


def gpu() -> Place:
    return Place(lanes=BOTH, sandbox=ProcessSandbox(), scorer=cast(Scorer, FakeScorer()))


def stops(place: Place) -> int:
    return cast(FakeScorer, place.scorer).stops


class Class:
    """Submissions that take places, each in a thread, and hold them until they are told to go."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.got: list[tuple[int, Lane, Place]] = []
        self._go: dict[int, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def ask(self, order: int, lane: Lane) -> None:
        """Have a submission ask for a place; come back when it has one or waits."""
        self._go[order] = threading.Event()

        def hold() -> None:
            try:
                with self.lanes.take(lane, order=order) as place:
                    self.got.append((order, lane, place))
                    self._go[order].wait(10)
            except Cancelled:
                self.got.append((order, lane, None))  # type: ignore[arg-type]

        self._threads.append(threading.Thread(target=hold))
        self._threads[-1].start()
        time.sleep(0.03)

    def leave(self, order: int) -> None:
        """Have it give its place back."""
        self._go[order].set()
        time.sleep(0.03)

    def orders(self) -> list[int]:
        return [order for order, _, _ in self.got]

    def end(self) -> None:
        for one in self._go.values():
            one.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def start() -> Iterator[Callable[..., Class]]:
    with ExitStack() as stack:

        def make(*places: Place) -> Class:
            made = Class(Lanes(places))
            stack.callback(made.end)
            return made

        yield make


def test_a_lane_has_so_many_places_and_no_more_and_the_first_submission_comes_first(
    start: Callable[..., Class],
) -> None:
    school = start(*(Place(lanes=frozenset({Lane.FETCH}), sandbox=ProcessSandbox()) for _ in range(2)))
    for order in (5, 6, 4, 3):
        school.ask(order, Lane.FETCH)
    assert school.orders() == [5, 6]
    school.leave(6)
    assert school.orders() == [5, 6, 3]
    school.leave(5)
    assert school.orders() == [5, 6, 3, 4]


def test_one_lane_does_not_hold_up_another(start: Callable[..., Class]) -> None:
    fetch, cpu = (Place(lanes=frozenset({lane}), sandbox=ProcessSandbox()) for lane in (Lane.FETCH, Lane.CPU))
    school = start(fetch, cpu)
    school.ask(0, Lane.FETCH)
    school.ask(1, Lane.FETCH)
    school.ask(2, Lane.CPU)
    assert school.orders() == [0, 2]


def test_a_gpu_runs_while_somebody_waits_to_run_and_then_scores_all_with_one_load(start: Callable[..., Class]) -> None:
    one = gpu()
    school = start(one)
    school.ask(0, Lane.RUN)
    school.ask(1, Lane.SCORE)
    school.ask(2, Lane.RUN)
    school.leave(0)
    assert school.orders() == [0, 2]
    school.ask(3, Lane.SCORE)
    school.leave(2)
    assert school.orders() == [0, 2, 1]
    school.ask(4, Lane.RUN)
    school.leave(1)
    assert school.orders() == [0, 2, 1, 3]
    assert stops(one) == 2  # before each run, though nothing was loaded yet
    school.leave(3)
    assert school.orders() == [0, 2, 1, 3, 4]
    assert stops(one) == 3


def test_an_idle_gpu_does_not_load_a_second_base_for_a_few_scores(start: Callable[..., Class]) -> None:
    first, second = gpu(), gpu()
    school = start(first, second)
    for order in range(1 + WORTH_A_LOAD):
        school.ask(order, Lane.SCORE)
    assert school.orders() == [0]
    school.ask(9, Lane.SCORE)
    assert len(school.got) == 2
    assert {place for _, _, place in school.got} == {first, second}


def test_a_run_takes_an_idle_gpu_before_one_with_a_warm_scorer(start: Callable[..., Class]) -> None:
    first, second = gpu(), gpu()
    school = start(first, second)
    school.ask(0, Lane.SCORE)
    school.leave(0)
    school.ask(1, Lane.RUN)
    school.ask(2, Lane.SCORE)
    places = {order: place for order, _, place in school.got}
    assert places[0] is places[2] is not places[1]
    assert stops(places[0]) == 0


def test_cancel_turns_away_all(start: Callable[..., Class]) -> None:
    school = start(Place(lanes=frozenset({Lane.CPU}), sandbox=ProcessSandbox()))
    school.ask(0, Lane.CPU)
    school.ask(1, Lane.CPU)
    school.lanes.cancel()
    time.sleep(0.05)
    assert school.got[1] == (1, Lane.CPU, None)
    with pytest.raises(Cancelled), school.lanes.take(Lane.CPU, order=2):
        pass


def test_a_place_is_given_back_whatever_happens(start: Callable[..., Class]) -> None:
    school = start(Place(lanes=frozenset({Lane.CPU}), sandbox=ProcessSandbox()))
    with pytest.raises(KeyError), school.lanes.take(Lane.CPU, order=0):
        raise KeyError
    school.ask(1, Lane.CPU)
    assert school.orders() == [1]
