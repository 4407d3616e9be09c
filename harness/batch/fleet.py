"""Who of several grades the next submission: bounded places on members that come and go. Must not know what they are.

Whoever waits is served in the order of submissions. Without any member for a while, waiting is given up, and whoever
comes later is told at once, until there is a member again.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.errors import Cancelled, EnvironmentFault

_LOOK_S = 0.5


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """One that grades: its name for people, how many submissions at a time, what it is reached by."""

    name: str
    capacity: int
    handle: Any
    busy: int = field(default=0, init=False)


class Fleet:
    """The members that are there now, shared by the threads that grade.

    Args:
        patience_s: How long to wait for a first or another member when there is none.
        why: Tells why there is none, for the message; a sentence or nothing.
        clock: Gives seconds that only grow.
    """

    def __init__(
        self, *, patience_s: float, why: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._why = why
        self._clock = clock
        self._members: list[Member] = []
        self._waiting: list[int] = []
        self._changed = threading.Condition()
        self._empty_since = clock()
        self._closed = False

    @property
    def members(self) -> tuple[Member, ...]:
        """Those that are there now."""
        with self._changed:
            return tuple(self._members)

    def join(self, member: Member) -> None:
        """Let a member grade."""
        with self._changed:
            self._members.append(member)
            self._changed.notify_all()

    def leave(self, member: Member) -> bool:
        """Let it grade no more; tell whether it did until now."""
        with self._changed:
            if member not in self._members:
                return False
            self._members.remove(member)
            if not self._members:
                self._empty_since = self._clock()
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """Turn away whoever waits, and whoever comes later; what is under way goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_for_one(self, *, hopeless: Callable[[], bool], presses: Callable[[], int] = lambda: 0) -> Member:
        """Wait until there is a member, and give one.

        Args:
            hopeless: Tells that waiting is no use.
            presses: Tells how often the user asked to end.

        Raises:
            Cancelled: The fleet was closed, or the user asked to end.
            EnvironmentFault: There is none for too long.
        """
        with self._changed:
            while not self._members:
                if hopeless():
                    raise self._nobody("No node of the cluster can grade.")
                if presses():
                    raise Cancelled
                self._pause()
            return self._members[0]

    @contextlib.contextmanager
    def take(self, order: int) -> Iterator[Member]:
        """Wait for a place on a member and have it for the time of the block.

        Args:
            order: Position of the submission; the lowest is served first.

        Raises:
            Cancelled: The fleet was closed.
            EnvironmentFault: There is no member for too long.
        """
        member = self._wait(order)
        try:
            yield member
        finally:
            with self._changed:
                member.busy -= 1
                self._changed.notify_all()

    def _wait(self, order: int) -> Member:
        with self._changed:
            self._waiting.append(order)
            try:
                while True:
                    free = [one for one in self._members if one.busy < one.capacity]
                    if free and order == min(self._waiting) and not self._closed:
                        member = min(free, key=lambda one: one.busy / one.capacity)
                        member.busy += 1
                        return member
                    self._pause()
            finally:
                self._waiting.remove(order)
                self._changed.notify_all()

    def _pause(self) -> None:
        if self._closed:
            raise Cancelled
        if not self._members and self._clock() - self._empty_since >= self._patience_s:
            raise self._nobody(f"No node of the cluster could grade for {self._patience_s:.0f} s.")
        self._changed.wait(_LOOK_S)

    def _nobody(self, what: str) -> EnvironmentFault:
        return EnvironmentFault(
            f"{what} {self._why()}".strip(),
            remedy="Mend a node or add one (`ray status` lists them); `harness grade --resume FOLDER` goes on.",
        )
