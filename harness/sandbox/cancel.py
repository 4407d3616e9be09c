"""Ends everything that a sandbox runs, when the user says so. Must not know how a job is ended."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from harness.errors import Cancelled


class Cancellation:
    """A switch that is thrown once: whoever waits is woken, whoever comes later is turned away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came = False
        self._wakers: dict[object, Callable[[], None]] = {}

    def cancel(self) -> None:
        """Throw the switch."""
        with self._lock:
            self._came = True
            wakers = list(self._wakers.values())
        for wake in wakers:
            wake()

    def check(self) -> None:
        """Do nothing as long as the switch was not thrown.

        Raises:
            Cancelled: It was.
        """
        if self._came:
            raise Cancelled

    @contextlib.contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called when the switch is thrown in the time of the block.

        Raises:
            Cancelled: It was thrown before.
        """
        key = object()
        with self._lock:
            self.check()
            self._wakers[key] = wake
        try:
            yield
        finally:
            with self._lock:
                del self._wakers[key]
