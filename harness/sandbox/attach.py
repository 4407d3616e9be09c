"""Carries a container's standard streams over the engine's attach connection. Must not import the engine's client.

The connection is two-way: what is sent is the program's standard input; what arrives are frames of 8 bytes (stream
number, three zeros, big-endian length) and a payload: https://docs.docker.com/reference/api/engine/version/v1.41/,
"Attach to a container", "Stream format".
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from harness.sandbox.capture import Sink, Stream

_HEADER = struct.Struct(">BxxxL")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_CHUNK_BYTES = 65536


class Attachment:
    """Two threads on an attach connection: one feeds standard input, one keeps what is printed.

    Args:
        connection: The connection, made before the container was started, so that nothing is missed.
        sink: Gets what the program prints; open until `finish` or `abandon` came back.
        stdin: Sent, then the sending direction is closed. Nothing at all happens to it where it is empty.
        on_failure: Called when the output cannot be kept (disk full).
        on_end: Called when no more output comes.
    """

    def __init__(
        self,
        connection: socket.socket,
        *,
        sink: Sink,
        stdin: bytes = b"",
        on_failure: Callable[[], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        connection.settimeout(None)
        self._connection = connection
        self._sink = sink
        self._stdin = stdin
        self._on_failure = on_failure
        self._on_end = on_end
        self.error: OSError | None = None
        self._threads = [threading.Thread(target=self._receive, name="attach-receive", daemon=True)]
        if stdin:
            self._threads.append(threading.Thread(target=self._send, name="attach-send", daemon=True))

    def start(self) -> None:
        """Begin to carry; call it after the container was started."""
        for thread in self._threads:
            thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Wait until all that a dead container printed has arrived; False if the engine does not end the stream."""
        self._threads[0].join(timeout_s)
        arrived = not self._threads[0].is_alive()
        self.abandon()
        return arrived

    def abandon(self) -> None:
        """Cut the connection and end the threads."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(5)
        self._connection.close()

    def send(self, line: str) -> None:
        """Send a line to a program whose standard input was left open; nothing happens where it is dead."""
        with contextlib.suppress(OSError):
            self._connection.sendall(line.encode())

    def _send(self) -> None:
        with contextlib.suppress(OSError):  # the program ended before it read all: its own affair
            self._connection.sendall(self._stdin)
            self._connection.shutdown(socket.SHUT_WR)

    def _receive(self) -> None:
        self._read_frames()
        self._on_end()

    def _read_frames(self) -> None:
        while (header := self._exactly(_HEADER.size)) is not None:
            number, length = _HEADER.unpack(header)
            while length > 0:
                chunk = self._some(min(length, _CHUNK_BYTES))
                if not chunk:
                    return
                length -= len(chunk)
                self._keep(_STREAMS.get(number, "stdout"), chunk)

    def _keep(self, stream: Stream, chunk: bytes) -> None:
        if self.error is not None:
            return  # goes on reading, so that the program is not held up while it is killed
        try:
            self._sink.write(stream, chunk)
        except OSError as error:
            self.error = error
            self._on_failure()

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            chunk = self._some(size - len(data))
            if not chunk:
                return None
            data += chunk
        return data

    def _some(self, size: int) -> bytes:
        try:
            return self._connection.recv(size)
        except OSError:
            return b""  # cut by the engine; whether it is gone is asked elsewhere
