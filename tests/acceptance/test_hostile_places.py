"""Run folder, submission and records may lie in awkward places; nothing is eaten, and private input stays private."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

BROKEN_RUN = "#!/bin/bash\n# $1 $2 $3 $4\nexit 1\n"


@pytest.mark.parametrize("part", ["submissions", "scratch"])
def test_a_submission_inside_the_run_folder_is_never_deleted(
    part: str, submission: Path, assignment: Path, tmp_path: Path, root: Path, base: Path
) -> None:
    place = tmp_path / "homework" / part / submission.name
    place.parent.mkdir(parents=True)
    shutil.copytree(submission, place)
    words = [sys.executable, "-m", "harness", "grade", str(place), "--assignment", str(assignment)]
    words += ["--base-model", str(base), "--output", str(tmp_path / "homework"), "--sandbox", "docker"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
    assert (place / "run.sh").is_file(), "the submission was deleted"
    assert done.returncode == 3, done.stderr


def test_a_run_folder_inside_the_submission_is_not_shown_to_the_student(
    submission: Path, assignment: Path, tmp_path: Path, root: Path, base: Path
) -> None:
    (submission / "download.sh").write_text("#!/bin/bash\nfind . -name input.json | xargs cat >&2\nexit 3\n")
    words = [sys.executable, "-m", "harness", "grade", str(submission), "--assignment", str(assignment)]
    words += ["--base-model", str(base), "--output", str(submission / "graded"), "--sandbox", "docker"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
    private = json.loads((assignment / "data" / "private.json").read_text(encoding="utf-8"))
    for path in (submission / "graded").rglob("fetch.stderr.log"):
        assert private[-1]["instruction"][:10] not in path.read_text(encoding="utf-8")
    assert done.returncode in (1, 3), done.stderr


def test_a_hostile_file_name_does_not_reach_the_terminal(
    unscored: Path, assignment: Path, tmp_path: Path, grade
) -> None:
    named = unscored.rename(tmp_path / "\x1b]0;pwned\x07evil")
    graded = grade(named, assignment)
    assert "INT006" in graded.codes
    assert "\x1b" not in graded.stdout + graded.stderr


def test_files_that_download_changed_are_in_the_evidence(unscored: Path, assignment: Path, grade) -> None:
    """run.sh as it was run, not only as it was handed in."""
    with (unscored / "download.sh").open("a") as script:
        script.write("echo '# changed after hand-in' >> run.sh\n")
    (unscored / "run.sh").write_text(BROKEN_RUN)
    graded = grade(unscored, assignment)
    brought = json.loads((graded.folder / "evidence" / "downloads.json").read_text(encoding="utf-8"))
    assert "run.sh" in [one["path"] for one in brought]
