"""`harness report` as a person calls it: usage, messages, exit codes. What it writes is tested in batch and report."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.batch.regrading.conftest import class_of_40  # noqa: F401


def report(*words: str | Path, width: int = 160) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "report", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def run(class_of_40: Path, tmp_path: Path) -> Path:  # noqa: F811
    for name in ("r13921001", "r13921002"):
        shutil.copytree(class_of_40 / "submissions" / name, tmp_path / "run" / "submissions" / name)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "csv", "--roster", "r.csv"], "--roster does not go with --to csv. It is for canvas, moodle"),
        (["--to", "csv", "--lang", "en"], "--lang does not go with --to csv. It is for gradescope, html, junit"),
        (["--to", "junit", "--public"], "--staff does not go with --to junit. It is for html."),
        (["--to", "moodle", "--worksheet", "w", "--title", "x"], "--title does not go with --to moodle."),
        (["--to", "canvas", "--worksheet", "w"], "--worksheet does not go with --to canvas. It is for moodle."),
        (
            ["--to", "markdown", "--output", "x", "--visibility", "visible"],
            "--visibility does not go with --to markdown",
        ),
        (["--output", "x"], "--output does not go with a summary; say --to FORMAT."),
        (["--to", "canvas"], "--to canvas needs --roster and --title."),
        (["--to", "moodle"], "--to moodle needs --worksheet."),
        (["--to", "moodle-gradebook"], "--to moodle-gradebook needs --roster."),
        (["--to", "html"], "--to html needs --output."),
        (
            ["--to", "canvas", "--roster", "r", "--title", "t", "--column", "grade=y"],
            "--column grade=y does not go with --to canvas. It is for moodle.",
        ),
        (["--to", "csv", "--replace"], "--replace needs --output."),
        (["--to", "canvas", "--roster", "r", "--title", "t", "--column", "x=y"], "--column x=y: write ROLE=HEADING;"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, words: list[str], said: str) -> None:
    done = report(tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_no_run_folder(tmp_path: Path) -> None:
    done = report(tmp_path)
    assert done.returncode == 3
    assert "is no run folder: there are no submissions in" in done.stderr


def test_a_summary(run: Path) -> None:
    done = report(run)
    assert done.returncode == 0, done.stderr
    assert "2 submissions · 2 passed" in done.stdout and "r13921002" in done.stdout


def test_to_standard_output_and_to_a_file(run: Path, tmp_path: Path) -> None:
    done = report(run, "--to", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["id", "r13921001", "r13921002"]
    written = report(run, "--to", "csv", "--output", tmp_path / "grades.csv")
    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == f"written: {tmp_path / 'grades.csv'}\n"
    assert (tmp_path / "grades.csv").read_text() == done.stdout
    again = report(run, "--to", "csv", "--output", tmp_path / "grades.csv")
    assert again.returncode == 3
    assert again.stderr.endswith("grades.csv is there already.\n  Give another --output, or add --replace.\n")


def test_a_missing_grade_is_an_exit_code(run: Path, tmp_path: Path) -> None:
    (run / "submissions" / "r13921002" / "predictions.json").write_text("[]")
    done = report(run, "--to", "markdown", "--output", tmp_path / "md", "--lang", "en")
    assert done.returncode == 1
    assert "left out: r13921002: predictions.json is not what the record was made from" in done.stderr
    assert [path.name for path in (tmp_path / "md").glob("*.md")] == ["r13921001.md"]


def test_names_of_a_roster_do_nothing_to_a_terminal(run: Path, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text('student id,name\nr13921001,"a\x1b[2Jb"\nr13921002,c\n"\x1b[2Jx",d\n', encoding="utf-8")
    words = ("--to", "canvas", "--roster", roster, "--title", "HW (1)", "--output", tmp_path / "canvas.csv")
    done = report(run, *words)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr and "nothing handed in: \\x1b[2Jx" in done.stderr
    terminal = subprocess.run(
        [
            "script",
            "-qec",
            f"{sys.executable} -m harness report {run} --to canvas --roster {roster} --title x",
            "/dev/null",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a\\x1b[2Jb" in terminal.stdout and "\x1b[2J" not in terminal.stdout
