"""A thread that waits for the end of a container, by a function given to it. Must not import the engine's client."""

import threading
from collections.abc import Callable

from harness.errors import HarnessError


class EndWatch:
    """Waits for the end of a container, however long that takes.

    Args:
        wait: Returns when the container is dead; raises a `HarnessError` when the engine does not tell.
        on_end: Called when `wait` came back, one way or the other.
    """

    def __init__(self, wait: Callable[[], object], *, on_end: Callable[[], None]) -> None:
        self._wait = wait
        self._on_end = on_end
        self.came = False
        self.error: HarnessError | None = None

    def start(self) -> None:
        """Begin to wait."""
        threading.Thread(target=self._run, name="end-watch", daemon=True).start()

    def _run(self) -> None:
        try:
            self._wait()
            self.came = True
        except HarnessError as error:
            self.error = error
        self._on_end()
