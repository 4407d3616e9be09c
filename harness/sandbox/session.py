"""A program that goes on running and is talked to line by line. Must not know how it runs, nor what is said."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.sandbox.capture import Stream


class Replies:
    """Takes what a program prints: lines of standard output for whoever iterates, standard error into a file.

    The lines end when the program does, and when it says nothing for `silence_s` seconds while somebody waits.

    Args:
        stderr_path: File that standard error is added to.
        limit_bytes: Most that is added to it; the rest is dropped.
        silence_s: How long a reply may be awaited.
    """

    def __init__(self, stderr_path: Path, *, limit_bytes: int, silence_s: float) -> None:
        stderr_path.parent.mkdir(parents=True, exist_ok=True)
        self._errors = stderr_path.open("ab", buffering=0)
        self._room = limit_bytes
        self._silence_s = silence_s
        self._lock = threading.Lock()
        self._part = bytearray()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def write(self, stream: Stream, chunk: bytes) -> None:
        """Take a piece of one of the streams."""
        if stream == "stdout":
            *whole, rest = (bytes(self._part) + chunk).split(b"\n")
            self._part = bytearray(rest)
            for line in whole:
                self._lines.put(line.decode("utf-8", "replace"))
            return
        with self._lock, contextlib.suppress(OSError):  # a full disk costs the log, not the reply
            kept = chunk[: self._room]
            self._room -= len(kept)
            if not self._errors.closed:
                self._errors.write(kept)

    def end(self) -> None:
        """Say that no more lines come."""
        self._lines.put(None)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._errors.close()

    def __iter__(self) -> Iterator[str]:
        while True:
            try:
                line = self._lines.get(timeout=self._silence_s)
            except queue.Empty:
                return
            if line is None:
                self._lines.put(None)  # for whoever iterates once more
                return
            yield line


@dataclass(frozen=True, slots=True)
class Session:
    """A program that runs: its lines as they come, and how to send it one (nothing happens where it is dead)."""

    lines: Replies
    send: Callable[[str], None]
