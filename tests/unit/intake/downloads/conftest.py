"""A store whose clock steps by a day, and a function that records a fetch made by a function."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from harness.intake.downloads.store import DownloadStore, Fetched
from harness.intake.downloads.tree import look
from harness.model.download import Recording

DIGEST = "0" * 64
FIRST = datetime(2026, 12, 31, 20, 14, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> DownloadStore:
    """An empty store."""
    days = count()
    return DownloadStore(tmp_path / "downloads", now=lambda: FIRST + timedelta(days=next(days)))


def about(logs: Path) -> Fetched:
    for name in ("stdout", "stderr"):
        (logs / name).write_text(f"what went to {name}\n")
    return Fetched(
        tree_sha256=DIGEST,
        command=("bash", "download.sh"),
        sandbox="docker",
        image_id=None,
        exit_code=0,
        duration_s=1.5,
        hosts=("files.example",),
        refused_hosts=("evil‮.example:443",),
        unreached_hosts=(),
        logs=(logs / "stdout", logs / "stderr"),
    )


def hand_in(folder: Path) -> Path:
    """Make what was handed in: a file, another in a folder."""
    (folder / "code").mkdir(parents=True)
    (folder / "download.sh").write_text("as handed in\n")
    (folder / "code" / "main.py").write_text("as handed in\n")
    return folder


@pytest.fixture
def recorded(store: DownloadStore, tmp_path: Path) -> Callable[[Callable[[Path], None]], Recording]:
    """Give a function that records what another does to what was handed in."""
    numbers = count()

    def run(act: Callable[[Path], None]) -> Recording:
        folder = tmp_path / f"fetch-{next(numbers)}"
        tree = hand_in(folder / "tree")
        before = look(tree)
        act(tree)
        return store.record(tree, before, look(tree), about(folder))

    return run


@pytest.fixture
def replayed(store: DownloadStore, tmp_path: Path) -> Callable[[Recording], Path]:
    """Give a function that replays a recording and gives the folder."""
    numbers = count()

    def run(recording: Recording) -> Path:
        folder = tmp_path / f"replay-{next(numbers)}"
        tree = hand_in(folder / "tree")
        logs = (folder / "out", folder / "err")
        store.replay(recording, tree, scratch=folder / "scratch", logs=logs)
        assert logs[0].read_text() == "what went to stdout\n"
        assert not (folder / "scratch").exists()
        return tree

    return run
