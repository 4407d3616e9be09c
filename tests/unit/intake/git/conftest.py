"""A working tree with one commit, and a bare clone of it."""

from pathlib import Path

import pytest

from .repositories import commit, git, write_tree


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working tree with one commit."""
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet")
    write_tree(folder, {"run.sh": "echo run\n", "code/a.py": "x = 1\n"})
    (folder / "run.sh").chmod(0o755)
    commit(folder)
    return folder


@pytest.fixture
def bare(work: Path, tmp_path: Path) -> Path:
    """A bare clone of it."""
    folder = tmp_path / "r13921031.git"
    git(tmp_path, "clone", "--quiet", "--bare", "--no-local", str(work), str(folder))
    return folder
