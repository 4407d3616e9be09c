"""`harness init`, then the check of it: quick, in containers, as a process. It passes as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def started(root: Path, base: Path, assignment: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "r13921031"
    words = [sys.executable, "-m", "harness", "init", str(folder), "--assignment", str(assignment)]
    subprocess.run([*words, "--base-model", str(base)], check=True, cwd=root, stdout=subprocess.DEVNULL)
    return folder


def test_it_passes_in_containers(started: Path, assignment: Path, grade) -> None:
    done = grade(started, assignment, command="check")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert {one["status"] for one in done.record["stages"]} == {"passed"}
    assert done.record["stages"][1]["summary"] == "0 files, 0.0 MB", "download.sh has nothing to do"
    score = done.record["score"]
    assert score["perplexity"] == score["base_perplexity"], "an adapter with B = 0 changes nothing"
    words = " ".join(done.stdout.split())
    for part in (
        "run used ",
        "% of its time",
        "The adapter changes nothing: its perplexity is exactly the base model's.",
    ):
        assert part in words
    assert "Pack the folder" not in words


def test_a_trained_adapter_in_its_place_is_to_be_uploaded(
    started: Path, made: tuple[Path, Path], assignment: Path, grade
) -> None:
    shutil.unpack_archive(made[1], started)
    all_bytes = sum(path.stat().st_size for path in started.rglob("*") if path.is_file())
    rules = assignment / "assignment.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("max_bytes: 50000000", f"max_bytes: {all_bytes - 1000}"), encoding="utf-8")
    done = grade(started, assignment, command="check")
    assert (done.exit_code, done.codes) == (0, {"INT008"}), done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "pack with its link, `python3 submission/pack.py --student_id r13921031 --source 'YOUR LINK'" in words
    assert "zip -r" not in words
    archive = Path(shutil.make_archive(str(started), "zip", started.parent, started.name))
    assert grade(archive, assignment, command="check", output="packed").codes == {"INT003"}


@pytest.mark.torch
def test_it_passes_as_a_process(started: Path, assignment: Path, grade) -> None:
    done = grade(started, assignment, command="check", sandbox="process")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert {one["status"] for one in done.record["stages"]} == {"passed"}


def test_the_quick_check_of_what_run_sh_wrote(started: Path, base: Path, assignment: Path, grade, root: Path) -> None:
    full = grade(started, assignment, command="check")
    words = [sys.executable, "-m", "harness", "check", str(started), "--quick", "--assignment", str(assignment)]
    words += ["--base-model", str(base), "--predictions", str(full.folder / "predictions.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 of 8 predictions" in done.stdout
    assert "Not looked at: fetch, render, run, score" in " ".join(done.stdout.split())
