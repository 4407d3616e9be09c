"""Keeps what a program prints, up to a limit. Must not know where the bytes come from."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

Stream = Literal["stdout", "stderr"]


class Sink(Protocol):
    """Takes what a program prints."""

    def write(self, stream: Stream, chunk: bytes) -> None:
        """Take a piece of one of the streams; an OSError says that it cannot be kept."""
        ...


class Capture:
    """Writes two streams to two files, together at most `limit_bytes`; what comes after is dropped.

    Args:
        stdout_path: File for standard output; made anew.
        stderr_path: File for standard error; made anew.
        limit_bytes: Bound of both files together.
        on_overflow: Called once, when the first byte too many arrives.
    """

    def __init__(
        self, stdout_path: Path, stderr_path: Path, *, limit_bytes: int, on_overflow: Callable[[], None]
    ) -> None:
        stdout_path.parent.mkdir(parents=True, exist_ok=True)
        stderr_path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._room = limit_bytes
        self._on_overflow = on_overflow
        self.overflowed = False
        stdout = stdout_path.open("wb", buffering=0)
        try:
            self._files = {"stdout": stdout, "stderr": stderr_path.open("wb", buffering=0)}
        except OSError:
            stdout.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, stream: Stream, chunk: bytes) -> None:
        """Keep as much of `chunk` as there is room for.

        Raises:
            OSError: The file cannot be written (disk full).
        """
        first = False
        with self._lock:
            kept = chunk[: self._room]
            self._room -= len(kept)
            if len(kept) < len(chunk) and not self.overflowed:
                first = self.overflowed = True
            self._write_all(stream, kept)
        if first:
            self._on_overflow()

    def _write_all(self, stream: Stream, kept: bytes) -> None:
        file = self._files[stream]
        while kept and not file.closed:
            kept = kept[file.write(kept) or 0 :]

    def close(self) -> None:
        """Close both files; chunks that come later are dropped."""
        with self._lock:
            for file in self._files.values():
                file.close()
