"""Who may work now: a bounded number of places for each kind of work. Must not know what is done there.

A submission takes a place for one stage at a time, so that one that waits for the network keeps no GPU idle. Whoever
waits is served in the order of submissions, which keeps few of them half done. A GPU serves two kinds of work, student
programs and scoring, one at a time; changing costs the load of a base model, so it goes on with one kind while somebody
waits for that.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.errors import Cancelled
from harness.sandbox.interface import Sandbox
from harness.stages.scorer import Scorer

WORTH_A_LOAD = 4  # so many waiting scores make another scorer worth the load of a base model


class Lane(StrEnum):
    """A kind of work: by the network, by a core of ours, by a student's program on a GPU, by the scorer."""

    FETCH = "fetch"
    CPU = "cpu"
    RUN = "run"
    SCORE = "score"


@dataclass(slots=True, kw_only=True, eq=False)
class Place:
    """Somewhere to work: the sandbox to use there, the scorer if it can score, and what was done there last."""

    lanes: frozenset[Lane]
    sandbox: Sandbox
    scorer: Scorer | None = None
    last: Lane | None = field(default=None, init=False)
    busy: bool = field(default=False, init=False)


class Lanes:
    """The places of one machine, shared by the threads that grade."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = tuple(places)
        self._changed = threading.Condition()
        self._waiting: dict[Lane, list[int]] = {lane: [] for lane in Lane}
        self._held: dict[tuple[Lane, int], Place] = {}
        self._cancelled = False

    @contextlib.contextmanager
    def take(self, lane: Lane, *, order: int) -> Iterator[Place]:
        """Wait for a place and have it for the time of the block.

        Args:
            lane: The kind of work.
            order: Position of the submission; the lowest is served first.

        Raises:
            Cancelled: The run was ended.
        """
        place = self._held[lane, order] = self._wait(lane, order)
        try:
            if lane is Lane.RUN and place.scorer is not None:
                place.scorer.stop()  # a student's program has the GPU to itself
            yield place
        finally:
            self._give_back(self._held.pop((lane, order), None))

    def aside(self, lane: Lane, *, order: int, wait: Callable[[], None]) -> None:
        """Give the place back for as long as `wait` takes, then wait for one of the same kind.

        Raises:
            Cancelled: The run was ended.
        """
        self._give_back(self._held.pop((lane, order)))
        wait()
        self._held[lane, order] = self._wait(lane, order)

    @property
    def cancelled(self) -> bool:
        """Whether the run was ended."""
        return self._cancelled

    def cancel(self) -> None:
        """Turn away whoever waits, and whoever comes later."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def _give_back(self, place: Place | None) -> None:
        with self._changed:
            if place is not None:
                place.busy = False
            self._changed.notify_all()

    def _wait(self, lane: Lane, order: int) -> Place:
        queue = self._waiting[lane]
        with self._changed:
            queue.append(order)
            self._changed.notify_all()  # one more that waits may change whose turn it is
            try:
                while True:
                    if self._cancelled:
                        raise Cancelled
                    place = self._choose(lane) if order == min(queue) else None
                    if place is not None:
                        place.busy, place.last = True, lane
                        return place
                    self._changed.wait()
            finally:
                queue.remove(order)
                self._changed.notify_all()

    def _choose(self, lane: Lane) -> Place | None:
        """Give an idle place, one that did this work last if there is any; None where the turn is another's."""
        idle = [one for one in self._places if lane in one.lanes and not one.busy]
        settled = [one for one in idle if len(one.lanes) == 1 or one.last is lane]
        if settled:
            return settled[0]
        free = [one for one in idle if one.last is None or not self._waiting[one.last]]
        if lane is Lane.SCORE and not self._load_is_worth_it():
            return None
        return min(free, key=lambda one: one.last is Lane.SCORE, default=None)

    def _load_is_worth_it(self) -> bool:
        """Tell whether one more scorer should load the base model: nobody has, or many wait."""
        warm = sum(one.last is Lane.SCORE for one in self._places)
        return len(self._waiting[Lane.SCORE]) > WORTH_A_LOAD * warm
