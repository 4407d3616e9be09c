"""Two logs, bounded together."""

import os
import threading
from pathlib import Path

import pytest

from harness.sandbox.capture import Capture


def make(folder: Path, limit_bytes: int, overflows: list[int]) -> Capture:
    return Capture(folder / "out", folder / "err", limit_bytes=limit_bytes, on_overflow=lambda: overflows.append(1))


def test_streams_go_to_their_files(tmp_path: Path) -> None:
    overflows: list[int] = []
    with make(tmp_path / "new" / "folder", 100, overflows) as capture:
        capture.write("stdout", b"one ")
        capture.write("stderr", b"other")
        capture.write("stdout", b"two")
    assert (tmp_path / "new/folder/out").read_bytes() == b"one two"
    assert (tmp_path / "new/folder/err").read_bytes() == b"other"
    assert overflows == []


def test_exactly_the_limit_is_no_overflow(tmp_path: Path) -> None:
    overflows: list[int] = []
    with make(tmp_path, 10, overflows) as capture:
        capture.write("stdout", b"12345")
        capture.write("stderr", b"67890")
        assert not capture.overflowed
    assert overflows == []


def test_what_is_too_much_is_dropped_and_told_once(tmp_path: Path) -> None:
    overflows: list[int] = []
    with make(tmp_path, 8, overflows) as capture:
        capture.write("stdout", b"12345")
        capture.write("stderr", b"67890")
        capture.write("stdout", b"more")
        assert capture.overflowed
    assert (tmp_path / "out").read_bytes() == b"12345"
    assert (tmp_path / "err").read_bytes() == b"678"
    assert overflows == [1]


def test_late_chunks_are_dropped(tmp_path: Path) -> None:
    capture = make(tmp_path, 100, [])
    capture.close()
    capture.write("stdout", b"late")
    assert (tmp_path / "out").read_bytes() == b""


def test_threads_do_not_go_over_the_limit(tmp_path: Path) -> None:
    overflows: list[int] = []
    with make(tmp_path, 5000, overflows) as capture:
        threads = [
            threading.Thread(target=lambda: [capture.write("stdout", b"x" * 7) for _ in range(500)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (tmp_path / "out").stat().st_size == 5000
    assert overflows == [1]


def test_full_disk_is_raised() -> None:
    with (
        Capture(Path("/dev/full"), Path(os.devnull), limit_bytes=100, on_overflow=lambda: None) as capture,
        pytest.raises(OSError, match="No space left on device"),
    ):
        capture.write("stdout", b"x")
