"""The action for GitHub: its shell steps, run as the runner runs them, on real submissions."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.batch.start import start

from .runner import StepRun, commands, run_action

pytestmark = pytest.mark.slow
STEPS = ("Install the harness", "Build the image", "Check")
Act = Callable[..., StepRun]


@pytest.fixture(scope="module")
def temporary(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's folder for temporary files, in which the first step has installed the harness."""
    folder = tmp_path_factory.mktemp("runner")
    action = root / ".github" / "actions" / "check"
    (done,) = run_action(action, {"assignment": "x"}, workspace=folder, temporary=folder, steps=STEPS[:1])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("harness, version ")
    return folder


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Path:
    """A repository with a submission at its root."""
    shutil.copytree(root / "assignments" / "classical-chinese", tmp_path / "rules")
    folder = tmp_path / "r13921031"
    start(folder, student_id=None, assignment_path=None, base_path=None)
    return folder


@pytest.fixture
def act(root: Path, temporary: Path, tmp_path: Path) -> Act:
    def run(workspace: Path, **inputs: str) -> StepRun:
        given = {"assignment": str(tmp_path / "rules")} | {
            name.replace("_", "-"): value for name, value in inputs.items()
        }
        action = root / ".github" / "actions" / "check"
        return run_action(action, given, workspace=workspace, temporary=temporary, steps=STEPS[1:])[-1]

    return run


def test_a_good_submission(repository: Path, act: Act) -> None:
    done = act(repository)
    assert (done.name, done.exit_code, done.output) == ("Check", 0, {"exit-code": "0"}), done.stderr
    assert commands(done.stdout) == [
        "::notice title=harness check::Not looked at: fetch, admit, render, run, validate, score, compare; run "
        "`harness check` without --quick.",
        "::notice title=harness check::r13921031: nothing wrong in what was looked at",
    ]
    assert done.summary.startswith("### harness check\n\n    Stages")
    assert all(line.startswith(("    ", "###")) for line in done.summary.splitlines() if line)


def test_a_bad_one_in_a_folder_with_sarif(repository: Path, act: Act) -> None:
    (repository / "run.sh").write_bytes(b"#!/usr/bin/env bash\r\nexit 0\r\n")
    done = act(repository.parent, submission="r13921031", sarif="out/check.sarif")
    assert (done.exit_code, done.output) == (1, {"exit-code": "1"})
    assert any(one.startswith("::error file=r13921031/run.sh,line=1,title=INT010") for one in commands(done.stdout))
    log = json.loads((repository.parent / "out" / "check.sarif").read_text(encoding="utf-8"))
    assert {one["ruleId"] for one in log["runs"][0]["results"]} >= {"INT010"}
    assert "    Errors (" in done.summary


def test_what_a_submission_says_is_no_command(repository: Path, act: Act) -> None:
    words = "::error::x\\n##[error]y ::set-output name=z::w"
    (repository / "predictions.json").write_text(f'[{{"id": "{words}", "output": ""}}]')
    (repository / "::error::name ##[warning]z.sh").write_text("python3.6\r\n")
    (repository / "run.sh").write_bytes(b"#!/usr/bin/env bash\r\n bash '::error::name ##[warning]z.sh'\r\n")
    done = act(repository)
    assert done.exit_code == 1
    for one in commands(done.stdout):
        assert one.startswith(
            ("::error file=", "::error title=", "::warning file=", "::warning title=", "::notice title=")
        )
        assert " title=" in one or ",title=" in one


def test_a_fault_has_its_own_exit_code(repository: Path, act: Act) -> None:
    done = act(repository, base_model="nowhere")
    assert (done.exit_code, done.output["exit-code"], done.summary) == (4, "4", "")
    assert "There is no base model at nowhere" in done.stderr


@pytest.mark.docker
def test_all_that_the_grader_does(
    root: Path, base: Path, assignment: Path, repository: Path, temporary: Path, tmp_path: Path
) -> None:
    shutil.rmtree(repository)
    start(repository, student_id=None, assignment_path=assignment, base_path=base)
    given = {"assignment": str(assignment), "base-model": str(base), "quick": "false"}
    action = root / ".github" / "actions" / "check"
    image, check = run_action(action, given, workspace=repository, temporary=temporary, steps=STEPS[1:])
    assert (image.name, image.exit_code) == ("Build the image", 0), image.stderr
    assert check.exit_code == 0, check.stdout + check.stderr
    weights, outcome = commands(check.stdout)
    assert "title=INT008 weights lie in the submission::" in weights
    assert outcome == "::notice title=harness check::r13921031: passed"
    assert "    Budgets" in check.summary
