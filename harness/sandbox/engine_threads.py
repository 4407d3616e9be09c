"""Two threads that ask an engine about a running container, by functions given to them. Must not import its client."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import HarnessError

_SAMPLE_PAUSE_S = 0.5


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


class MemoryWatch:
    """Samples the memory of a container, about once a second: an engine measures no more often and answers then.

    Args:
        sample: Gives the engine's `memory_stats`; raises a `HarnessError` when it cannot, which ends the sampling.
    """

    def __init__(self, sample: Callable[[], Mapping[str, Any]]) -> None:
        self._sample = sample
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-watch", daemon=True)
        self.peak_bytes: int | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Sample no more. An answer that is still to come is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                used = memory_in_use(self._sample())
            except HarnessError:
                return
            if used:
                self.peak_bytes = max(self.peak_bytes or 0, used)
            self._stop.wait(_SAMPLE_PAUSE_S)


def memory_in_use(memory_stats: Mapping[str, Any]) -> int | None:
    """Give the bytes in use out of the engine's `memory_stats`, less the file cache that the kernel can drop.

    The cache is what `docker stats` takes off: `total_inactive_file` of cgroup v1, `inactive_file` of v2.
    """
    usage = memory_stats.get("usage")
    if not isinstance(usage, int):
        return None
    detail = memory_stats.get("stats") or {}
    return max(0, usage - int(detail.get("total_inactive_file", detail.get("inactive_file", 0))))
