"""A process and its descendants: what memory they use, and how to end them all. Must not know what they run."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

_SAMPLE_PAUSE_S = 0.2
_KILL_PATIENCE_S = 10.0


class Tree:
    """The descendants of one process, which is left out itself.

    Who was seen once is remembered: if the root cannot adopt orphans (not Linux) or dies early, they are still found.
    And so is, at the end, whoever has `mark` in the environment that it was started with.
    """

    def __init__(self, root_pid: int, *, mark: str) -> None:
        self._mark = mark.encode()
        self._lock = threading.Lock()
        self._seen: set[psutil.Process] = set()
        self._root_pid = root_pid
        self._root: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._root = psutil.Process(root_pid)

    def alive(self) -> list[psutil.Process]:
        """List the descendants that run; zombies are not among them."""
        return self._alive(set())

    def _alive(self, found: set[psutil.Process]) -> list[psutil.Process]:
        with self._lock:
            self._seen |= found
            if self._root is not None:
                with contextlib.suppress(psutil.Error):
                    self._seen.update(self._root.children(recursive=True))
            self._seen = {one for one in self._seen if _runs(one)}
            return list(self._seen)

    def _marked(self) -> set[psutil.Process]:
        """Find those whom the root has lost, because the program killed it, say."""
        found = set()
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError, psutil.Error):
                if self._mark in place.read_bytes() and int(place.parent.name) != self._root_pid:
                    found.add(psutil.Process(int(place.parent.name)))
        return found

    def kill(self) -> bool:
        """End all descendants; False if some still run after 10 s.

        All are stopped first, until no new one turns up, so that none can start another while the others are killed.
        """
        give_up = time.monotonic() + _KILL_PATIENCE_S
        while found := self._alive(self._marked()):
            stopped: set[psutil.Process] = set()
            while (fresh := set(found) - stopped) and time.monotonic() < give_up:
                _signal_all(fresh, signal.SIGSTOP)
                stopped |= fresh
                found = self.alive()
            _signal_all(stopped, signal.SIGKILL)
            if time.monotonic() > give_up:
                return False
            time.sleep(0.01)
        return True

    def resident_bytes(self) -> int:
        """Sum the resident memory; what several of them share counts for each, so this is an upper bound."""
        return sum(_resident_bytes(one) for one in self.alive())

    def proportional_bytes(self) -> int:
        """Sum the memory with what is shared divided among those who share it: exact, but slow to ask for."""
        return sum(_proportional_bytes(one) for one in self.alive())


class TreeMemoryWatch:
    """A thread that samples the memory of a tree about five times a second, and calls `on_over` once above the limit.

    An address-space limit would not do: CUDA and torch reserve far more than they use.
    """

    def __init__(self, tree: Tree, *, limit_bytes: int, on_over: Callable[[], None]) -> None:
        self._tree = tree
        self._limit_bytes = limit_bytes
        self._on_over = on_over
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="tree-memory-watch", daemon=True)
        self.peak_bytes = 0

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Sample no more; returns when the last sample is over."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            used = self._tree.resident_bytes()
            if used > self._limit_bytes:
                used = self._tree.proportional_bytes()
            self.peak_bytes = max(self.peak_bytes, used)
            if used > self._limit_bytes:
                self._on_over()
                return
            self._stop.wait(_SAMPLE_PAUSE_S)


def _runs(process: psutil.Process) -> bool:
    try:
        if not process.is_running():
            return False
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False
    return not dead or _has_threads(process.pid)


def _has_threads(pid: int) -> bool:
    """Tell whether a zombie is one by its first thread alone, while others of the process run."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir()) > 1
    except OSError:
        return False


def _signal_all(processes: set[psutil.Process], number: signal.Signals) -> None:
    for one in processes:
        with contextlib.suppress(psutil.Error):
            one.send_signal(number)


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return _resident_bytes(process)
    return int(getattr(full, "pss", full.uss))
