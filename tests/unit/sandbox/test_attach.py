"""Frames of an attach connection, over a real socket pair."""

import socket
import struct
from pathlib import Path

import pytest

from harness.sandbox.attach import Attachment
from harness.sandbox.capture import Capture


def frame(number: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", number, len(payload)) + payload


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def capture_in(folder: Path) -> Capture:
    return Capture(folder / "out", folder / "err", limit_bytes=10**7, on_overflow=lambda: None)


def test_streams_are_told_apart(tmp_path: Path, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, engine = ends
    with capture_in(tmp_path) as capture, engine:
        attachment = Attachment(ours, sink=capture, stdin=b"", on_failure=lambda: None)
        attachment.start()
        sent = frame(1, b"out") + frame(2, b"err") + frame(1, b"") + frame(1, b"x" * 200_000)
        for start in range(0, len(sent), 50_001):  # frames do not come in one piece
            engine.sendall(sent[start : start + 50_001])
        engine.shutdown(socket.SHUT_WR)
        assert attachment.finish(10)
    assert (tmp_path / "out").read_bytes() == b"out" + b"x" * 200_000
    assert (tmp_path / "err").read_bytes() == b"err"


def test_standard_input_is_sent_and_closed(tmp_path: Path, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, engine = ends
    with capture_in(tmp_path) as capture, engine, engine.makefile("rb") as received:
        attachment = Attachment(ours, sink=capture, stdin=b"y" * 10**6, on_failure=lambda: None)
        attachment.start()
        assert received.read() == b"y" * 10**6
        engine.shutdown(socket.SHUT_RDWR)
        assert attachment.finish(10)


def test_an_engine_that_never_ends_the_stream(tmp_path: Path, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, engine = ends
    with capture_in(tmp_path) as capture, engine:
        attachment = Attachment(ours, sink=capture, stdin=b"z" * 10**7, on_failure=lambda: None)
        attachment.start()
        assert not attachment.finish(0.1)


def test_a_full_disk_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, engine = ends
    told: list[int] = []
    full = Path("/dev/full")
    with Capture(full, full, limit_bytes=10**7, on_overflow=lambda: None) as capture, engine:
        attachment = Attachment(ours, sink=capture, stdin=b"", on_failure=lambda: told.append(1))
        attachment.start()
        engine.sendall(frame(1, b"one") + frame(1, b"two"))
        engine.shutdown(socket.SHUT_WR)
        assert attachment.finish(10)
    assert told == [1]
    assert attachment.error is not None
    assert "No space left" in str(attachment.error)
