"""The stage passes on what scripts will meet, and takes a git repository like any other hand-in."""

import pickle
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.result import StageStatus
from harness.model.submission import Submission
from harness.stages.context import Context, Workspace
from harness.stages.intake import intake

RUN = '#!/bin/bash\npython3 predict.py "$1" "$2" data/private.json "$4"\n'


def hand_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "run.sh").write_text(RUN)
    (folder / "download.sh").write_text("#!/bin/bash\ngdown --id 1AbC\n")
    (folder / "state.pt").write_bytes(pickle.dumps({"w": [1.0]}))
    return folder


@pytest.mark.parametrize(("gdown", "code"), [("5.2.2", "INT013"), ("6.0.0", "INT018")])
def test_what_is_wrong_in_the_scripts_is_told(
    context: Context, workspace: Workspace, tmp_path: Path, gdown: str, code: str
) -> None:
    submission = Submission(id="r13921031", source=hand_in(tmp_path / "r13921031"))
    result = intake(replace(context, packages={"gdown": gdown}), submission, workspace)
    found = {one.code: one for one in result.findings}
    assert found.keys() == {code, "INT015", "INT019", "INT020"}
    assert gdown in found[code].limit
    assert found["INT019"].seen == '`python3 predict.py "$1" "$2" data/private.json "$4"`'


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_revision_of_a_repository(context: Context, workspace: Workspace, tmp_path: Path) -> None:
    folder = hand_in(tmp_path / "r13921031")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "m"]):
        subprocess.run([*git, *command], check=True)
    (folder / "late.py").write_text("not committed")
    submission = Submission(id="r13921031", source=folder)
    result = intake(context, replace(submission, revision="HEAD"), workspace)
    assert result.summary == "3 files"
    assert not (workspace.tree / "late.py").exists()
    assert (workspace.tree / "run.sh").read_text() == RUN


WEIGHTS = "adapter_checkpoint/adapter_model.safetensors"


def with_zeros(folder: Path, name: str, size_bytes: int) -> Path:
    """Put a sparse file into a folder."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("wb") as file:
        file.truncate(size_bytes)
    return folder


def test_weights_in_a_draft_have_the_limit_of_the_adapter(
    context: Context, workspace: Workspace, tmp_path: Path
) -> None:
    folder = with_zeros(hand_in(tmp_path / "r13921031"), WEIGHTS, 66_100_000)
    result = intake(context, Submission(id="r13921031", source=folder, draft=True), workspace)
    found = {one.code: one for one in result.findings}
    assert "INT003" not in found and result.status is StageStatus.PASSED
    assert found["INT008"].seen == f"`{WEIGHTS}` (66.1 MB)"
    assert (workspace.tree / WEIGHTS).stat().st_size == 66_100_000


@pytest.mark.parametrize(
    ("also", "draft"),
    [
        ({WEIGHTS: 66_100_000}, False),
        ({WEIGHTS: 401_000_000}, True),
        ({WEIGHTS: 66_100_000, "checkpoint-500/optimizer.pt": 50_100_000}, True),
        ({WEIGHTS: 66_100_000, f"submission/{WEIGHTS}": 66_100_000}, True),
        ({"adapter_checkpoint/optimizer.pt": 66_100_000}, True),
    ],
)
def test_all_else_counts_as_when_it_is_graded(
    context: Context, workspace: Workspace, tmp_path: Path, also: dict[str, int], draft: bool
) -> None:
    folder = hand_in(tmp_path / "r13921031")
    for name, size_bytes in also.items():
        with_zeros(folder, name, size_bytes)
    result = intake(context, Submission(id="r13921031", source=folder, draft=draft), workspace)
    (found,) = result.findings
    assert (found.code, found.seen) == ("INT003", "`r13921031` unpacks to more than 50 MB")
