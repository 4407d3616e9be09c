"""A class in real containers: killed and resumed, ended from the keyboard, shown as it goes."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import kills
from benchmarks.simulated import make_class

pytestmark = pytest.mark.docker


@pytest.fixture
def words(
    root: Path, made: tuple[Path, Path], base: Path, assignment: Path, tmp_path: Path
) -> Callable[..., list[str]]:
    """Give a function (students, run folder) -> arguments of `harness grade` for a class with trivial scripts."""

    def make(students: int, run: Path) -> list[str]:
        adapter = tmp_path / "unpacked"
        if not adapter.exists():
            shutil.unpack_archive(made[1], adapter)
        folder = tmp_path / "handed-in"
        if not folder.exists():
            make_class(folder, adapter / "adapter_checkpoint", students=students, root=root)
        common = ["--from", str(folder), "--assignment", str(assignment), "--base-model", str(base)]
        return [*common, "--sandbox", "docker", "--output", str(run), "--downloads", str(run / "downloads")]

    return make


@pytest.mark.slow
def test_killed_and_resumed_it_comes_to_the_same(words: Callable[..., list[str]], tmp_path: Path) -> None:
    undisturbed, run = tmp_path / "undisturbed", tmp_path / "disturbed"
    before = kills.containers()
    kills.finish(words(4, undisturbed))
    found = kills.disturb(words(4, run), run, kills=4, chance=random.Random(1), longest_s=9.0)
    assert kills.problems(undisturbed, run, found) == []
    assert len(kills.records(run)) == 4
    assert [one for one in kills.containers() if one not in before] == []


def wait_for(event: str, run: Path) -> None:
    give_up = time.monotonic() + 120
    while not (run / "log.jsonl").exists() or event not in (run / "log.jsonl").read_text():
        assert time.monotonic() < give_up, f"no {event}"
        time.sleep(0.05)


def test_ctrl_c_once_finishes_twice_ends_and_resume_needs_no_more_than_the_folder(
    words: Callable[..., list[str]], root: Path, tmp_path: Path
) -> None:
    run, before = tmp_path / "run", kills.containers()
    command = [sys.executable, "-m", "harness", "grade"]
    grading = subprocess.Popen(
        [*command, *words(3, run), "--runs", "1"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for('"stage": "fetch", "budget_s"', run)
    grading.send_signal(signal.SIGINT)
    wait_for("Interrupted", run)
    grading.send_signal(signal.SIGINT)
    _, said = grading.communicate(timeout=30)
    assert grading.returncode == 130, said
    assert "will not be begun; press Ctrl-C again to end now.\nEnding now.\n" in said
    assert [one for one in kills.containers() if one not in before] == []
    assert not (run / "scratch").exists()
    done = subprocess.run([*command, "--resume", str(run)], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3/3" in done.stdout and "3 passed" in done.stdout and (run / "grades.csv").exists()
    assert len(list((run / "submissions").glob("*/record.json"))) == 3
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert sum(one["event"] == "Recorded" for one in lines) == 3
    again = subprocess.run([*command, "--resume", str(run)], cwd=root, capture_output=True, text=True, check=False)
    assert again.returncode == 0 and "0 to grade, 3 graded before" in again.stderr
