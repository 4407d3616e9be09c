"""`harness regrade` as a person calls it: usage, messages, exit codes. What it computes is tested in batch."""

import subprocess
import sys
from pathlib import Path

import pytest


def regrade(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "regrade", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def assignment(root: Path) -> Path:
    return root / "assignments" / "classical-chinese"


def test_output_or_borderline_and_not_both(assignment: Path, tmp_path: Path) -> None:
    for words in ((), ("--borderline", "--output", tmp_path / "new")):
        done = regrade(tmp_path, "--assignment", assignment, *words)
        assert done.returncode == 2
        assert "Give --output NEWRUN for new records, or --borderline" in done.stderr


def test_without_an_assignment_only_the_runs_own_can_be_listed(tmp_path: Path) -> None:
    done = regrade(tmp_path, "--output", tmp_path / "new")
    assert done.returncode == 2
    assert "New records need --assignment: what they are to go by." in done.stderr
    done = regrade(tmp_path, "--borderline")
    assert done.returncode == 3
    assert f"There is no run.json in {tmp_path} to name the assignment." in done.stderr.replace("\n", "")


def test_no_run_folder(assignment: Path, tmp_path: Path) -> None:
    done = regrade(tmp_path, "--assignment", assignment, "--output", tmp_path / "new")
    assert done.returncode == 3
    assert f"{tmp_path} is no run folder: there are no submissions in" in done.stderr.replace("\n", " ")
    assert "Give the folder that `harness grade` was given with --output." in done.stderr


def test_wrong_extensions_are_told_with_their_place(assignment: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "submissions" / "r13921031").mkdir(parents=True)
    (tmp_path / "extensions.yaml").write_text("- {id: r13921031, day: 1}\n")
    words = ("--assignment", assignment, "--extensions", tmp_path / "extensions.yaml", "--borderline")
    done = regrade(tmp_path / "run", *words)
    assert done.returncode == 3
    assert "extensions.yaml:1:19 at /0/day: expected one of the keys" in done.stderr
    assert "did you mean `days`?" in done.stderr


def test_scoring_again_needs_base_and_adapters(assignment: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "submissions" / "r13921031").mkdir(parents=True)
    words = ("--assignment", assignment, "--borderline", "--rescore")
    done = regrade(tmp_path / "run", *words)
    assert done.returncode == 2
    assert "--rescore needs --base-model and --adapters." in done.stderr
    done = regrade(tmp_path / "run", *words, "--base-model", tmp_path, "--adapters", tmp_path / "none")
    assert done.returncode == 3
    assert f"There is no folder of adapters at {tmp_path}/none." in done.stderr.replace("\n", "")
