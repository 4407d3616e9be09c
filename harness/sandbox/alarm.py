"""Which limit fired first, told between the threads that watch a job. Must not know what is watched."""

import threading

from harness.sandbox.cause import Cause


class Alarm:
    """Remembers the first limit that fired and wakes whoever waits for the end of a job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._fired: Cause | None = None

    @property
    def fired(self) -> Cause | None:
        """The limit that fired first, or None."""
        return self._fired

    def fire(self, cause: Cause) -> None:
        """Say that a limit was passed. Only the first one counts."""
        with self._lock:
            self._fired = self._fired or cause
        self._wake.set()

    def wake(self) -> None:
        """Wake the waiter for another reason than a limit: the program ended, or a watcher failed."""
        self._wake.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until a limit fires or `wake` is called; False if `timeout_s` seconds pass first."""
        return self._wake.wait(max(0.0, timeout_s))
