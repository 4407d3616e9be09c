"""Usage counts blocks once and cannot be led astray."""

import os
import threading
import time
from pathlib import Path

import pytest

from harness.sandbox import disk
from harness.sandbox.disk import UNCOUNTABLE, DiskWatch, unlinked_bytes, usage_bytes

MIB = 1 << 20


def fill(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def near(size: int) -> object:
    return pytest.approx(size, abs=64 * 1024)


def test_files_in_folders_are_summed(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    fill(tmp_path / "one", MIB)
    fill(tmp_path / "a/b/two", 2 * MIB)
    assert usage_bytes([tmp_path]) == near(3 * MIB)


def test_a_file_may_be_the_root(tmp_path: Path) -> None:
    assert usage_bytes([fill(tmp_path / "one", MIB)]) == near(MIB)


def test_holes_take_no_room(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert usage_bytes([tmp_path]) == near(0)


def test_hard_links_count_once(tmp_path: Path) -> None:
    one = fill(tmp_path / "one", MIB)
    (tmp_path / "again").hardlink_to(one)
    assert usage_bytes([tmp_path, one, tmp_path]) == near(MIB)


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    fill(outside / "big", 4 * MIB)
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "big")
    (inside / "loop").symlink_to(inside)
    assert usage_bytes([inside]) == near(0)


def test_a_folder_that_becomes_a_link_counts_nothing(tmp_path: Path) -> None:
    """What was a folder at the first look may be a link at the second: opening it must fail, not follow."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert disk._folder_bytes(str(tmp_path / "link"), None, seen=set(), depth=0) == 0


def test_what_is_missing_counts_nothing(tmp_path: Path) -> None:
    assert usage_bytes([tmp_path / "missing"]) == 0


def test_files_that_vanish_meanwhile_are_survived(tmp_path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(50):
                (tmp_path / f"d{number}").mkdir()
                (tmp_path / f"d{number}/f").write_bytes(b"x")
            for number in range(50):
                (tmp_path / f"d{number}/f").unlink()
                (tmp_path / f"d{number}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert 0 < usage_bytes([tmp_path]) < MIB
    finally:
        stop.set()
        thread.join()


@pytest.mark.slow
def test_hiding_files_deep_does_not_pay(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):  # far longer than a path may be
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    try:
        assert usage_bytes([tmp_path]) == UNCOUNTABLE
    finally:
        os.system(f"rm -rf '{tmp_path}'")


def test_depth_that_people_use_is_fine(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d"] * 50)
    folder.mkdir(parents=True)
    fill(folder / "f", MIB)
    assert usage_bytes([tmp_path]) == pytest.approx(MIB, abs=512 * 1024)


def test_too_many_files_are_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_MAX_FILES", 20)
    for number in range(30):
        (tmp_path / str(number)).touch()
    assert usage_bytes([tmp_path]) == UNCOUNTABLE


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is forbidden to root")
def test_a_closed_folder_is_too_much(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert usage_bytes([tmp_path]) == UNCOUNTABLE


def test_watch_tells_when_it_is_too_much(tmp_path: Path) -> None:
    over = threading.Event()
    watch = DiskWatch([tmp_path], limit_bytes=MIB, on_over=over.set)
    watch.start()
    try:
        assert not over.wait(0.7)
        fill(tmp_path / "big", 2 * MIB)
        assert over.wait(2)
        assert watch.is_over()
    finally:
        watch.stop()


def test_watch_may_be_stopped_before_it_began(tmp_path: Path) -> None:
    DiskWatch([tmp_path], limit_bytes=0, on_over=lambda: None).stop()


def test_nothing_writable_is_never_too_much() -> None:
    assert not DiskWatch([], limit_bytes=0, on_over=lambda: None).is_over()


def test_a_file_without_a_name_counts_while_a_process_holds_it(tmp_path: Path) -> None:
    devices = frozenset({tmp_path.stat().st_dev})
    with (tmp_path / "gone").open("wb") as file:
        file.write(bytes(1_000_000))
        file.flush()
        os.fsync(file.fileno())
        (tmp_path / "gone").unlink()
        assert unlinked_bytes([os.getpid()], devices) >= 1_000_000
        assert unlinked_bytes([os.getpid()], frozenset()) == 0
    assert unlinked_bytes([os.getpid()], devices) < 1_000_000
