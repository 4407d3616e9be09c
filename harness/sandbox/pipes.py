"""Carries the streams of a local process, and reads what its supervisor reports. Must not know why it runs."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable
from io import FileIO
from typing import IO

from harness.sandbox.capture import Sink, Stream

_CHUNK_BYTES = 65536


class Pipes:
    """Threads that feed a process's standard input and keep what it prints.

    Args:
        process: Its streams are pipes; standard input may be none.
        sink: Gets what the program prints.
        stdin: Sent, then closed; None leaves standard input open for `send`.
        on_failure: Called when the output cannot be kept (disk full).
        on_end: Called when standard output has ended.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        *,
        sink: Sink,
        stdin: bytes | None,
        on_failure: Callable[[], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._process = process
        self._sink = sink
        self._stdin = stdin
        self._on_failure = on_failure
        self._on_end = on_end
        self.error: OSError | None = None
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._receive, args=("stdout", process.stdout), daemon=True),
            threading.Thread(target=self._receive, args=("stderr", process.stderr), daemon=True),
        ]
        self._writer = threading.Thread(target=self._send, daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        for thread in (*self._readers, self._writer):
            thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Wait until all that the dead processes printed has arrived; False if some process still holds a pipe."""
        for thread in (*self._readers, self._writer):
            if thread.ident is not None:
                thread.join(timeout_s)
        return not any(thread.is_alive() for thread in (*self._readers, self._writer))

    def send(self, line: str) -> None:
        """Send a line to a program whose standard input was left open; nothing happens where it is dead."""
        assert self._process.stdin is not None
        left = line.encode()
        with contextlib.suppress(BrokenPipeError):  # not through the file object: it would try again when closed
            while left:
                left = left[os.write(self._process.stdin.fileno(), left) :]

    def _send(self) -> None:
        pipe = self._process.stdin
        if pipe is None or self._stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):  # the program ended before it read all: its own affair
            pipe.write(self._stdin)
        with contextlib.suppress(BrokenPipeError):
            pipe.close()

    def _receive(self, stream: Stream, pipe: IO[bytes]) -> None:
        with os.fdopen(os.dup(pipe.fileno()), "rb", buffering=0) as own:  # whoever closes the pipe, this one is ours
            self._read(stream, own)
        if stream == "stdout":
            self._on_end()

    def _read(self, stream: Stream, pipe: FileIO) -> None:
        while chunk := pipe.read(_CHUNK_BYTES):
            if self.error is not None:
                continue  # goes on reading, so that the program is not held up while it is killed
            try:
                self._sink.write(stream, chunk)
            except OSError as error:
                self.error = error
                self._on_failure()


class Report:
    """A thread that reads the lines of the supervisor: see `supervise`."""

    def __init__(self, descriptor: int, *, on_end: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_end = on_end
        self._thread = threading.Thread(target=self._read, name="supervisor-report", daemon=True)
        self.exec_errno: int | None = None
        self.status: int | None = None
        self.peak_bytes = 0

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def finish(self) -> None:
        """Wait for the last line; the supervisor is dead, so that it comes at once."""
        if self._thread.ident is not None:
            self._thread.join()

    def _read(self) -> None:
        with os.fdopen(self._descriptor, closefd=False) as lines:
            for line in lines:
                self._take(line.split())
        self._on_end()

    def _take(self, words: list[str]) -> None:
        """Take the first of each kind; a program of root's can write here too, so what is no report is dropped."""
        match words:
            case ["exec", number] if number.isdecimal() and self.exec_errno is None and self.status is None:
                self.exec_errno = int(number)
            case ["end", status, peak] if status.isdecimal() and peak.isdecimal() and self.status is None:
                self.status, self.peak_bytes = min(int(status), 255), int(peak)
                self._on_end()
