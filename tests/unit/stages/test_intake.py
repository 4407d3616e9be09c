"""The stage passes on what scripts will meet, and takes a git repository like any other hand-in."""

import pickle
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

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
