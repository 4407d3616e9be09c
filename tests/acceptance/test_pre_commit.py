"""The hook for pre-commit, installed and run by pre-commit itself on a repository that is a submission."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.batch.start import start

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def hooks(root: Path, tmp_path: Path) -> Path:
    """A repository of its own that holds this project as it lies here, committed or not."""
    folder = tmp_path / "hooks"
    names = git(root, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in names:
        if (root / name).is_file() and not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def test_a_commit_is_looked_at_first(root: Path, hooks: Path, tmp_path: Path) -> None:
    submission = tmp_path / "r13921031"
    start(submission, student_id=None, assignment_path=None, base_path=None)
    assignment = str(root / "assignments" / "classical-chinese")
    hook = {"id": "harness-check", "args": ["--assignment", assignment]}
    config = {"repos": [{"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD"), "hooks": [hook]}]}
    (submission / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(submission, "init", "--quiet")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PRE_COMMIT_HOME": str(tmp_path / "cache"), "COLUMNS": "100"}

    def commit() -> subprocess.CompletedProcess[str]:
        git(submission, "add", "--all")
        command = [sys.executable, "-m", "pre_commit", "run", "--verbose", "--color", "never"]
        return subprocess.run(
            command, cwd=submission, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    good = commit()
    assert good.returncode == 0, good.stdout + good.stderr
    assert "harness check --quick" in good.stdout and "Passed" in good.stdout
    assert "r13921031: nothing wrong in what was looked at" in good.stdout
    (submission / "download.sh").write_bytes(b"#!/usr/bin/env bash\r\nexit 0\r\n")
    bad = commit()
    assert bad.returncode == 1
    assert "Failed" in bad.stdout and "exit code: 1" in bad.stdout
    assert "error INT010 script has Windows line ends" in bad.stdout
