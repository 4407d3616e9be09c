"""What student programs leave on the disk is the student's fault, gets a record, and is gone afterwards."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.docker

COPY = "#!/usr/bin/env bash\ncp -r brought/adapter_checkpoint .\n"
BROKEN_RUN = "#!/bin/bash\n# $1 $2 $3 $4\nexit 1\n"
DEEP = "python3 -c \"import os\nfor _ in range(1200): os.mkdir('d'); os.chdir('d')\"\n"
LONG = "python3 -c \"import os\nfor _ in range(30): os.mkdir('n' * 250); os.chdir('n' * 250); open('f', 'w')\"\n"
TO_OUTPUT = '#!/bin/bash\n# $1 $2 $3\ncd "$(dirname "$4")"\n'

UNLINKED = """python3 -c "
import os, time
kept = []
for _ in range(6):
    kept.append(os.open('big', os.O_RDWR | os.O_CREAT)); os.unlink('big')
    for _ in range(150): os.write(kept[-1], b'x' * 1000000)
time.sleep(2)
"
"""


@pytest.fixture(autouse=True)
def _remove_deep_folders(tmp_path: Path) -> Iterator[None]:
    """What a failed clean-up left behind is too deep for pytest's own."""
    yield
    subprocess.run(["rm", "-rf", str(tmp_path / "run")], check=True)


@pytest.mark.parametrize(
    "hostile",
    [r"touch $'bad\xff\xfename'" + "\n", DEEP, LONG, "mkdir z; touch z/f; chmod 000 z; touch y; chmod 000 y\n"],
    ids=["name that is no UTF-8", "1200 folders deep", "path of 7500 bytes", "modes 000"],
)
def test_what_download_leaves_gets_a_record_and_is_removed(
    hostile: str, unscored: Path, assignment: Path, grade
) -> None:
    (unscored / "download.sh").write_text(COPY + hostile)
    (unscored / "run.sh").write_text(BROKEN_RUN)
    graded = grade(unscored, assignment)
    assert graded.exit_code == 1, graded.stderr
    assert graded.record["outcome"] == "failed" and graded.record["fault"] is None
    assert not list((graded.folder.parent.parent / "scratch").iterdir())


@pytest.mark.parametrize("hostile", ["mkdir predictions.json\n", DEEP], ids=["a folder", "1200 folders deep"])
def test_what_run_leaves_in_the_output_gets_a_record_and_is_removed(
    hostile: str, unscored: Path, assignment: Path, grade
) -> None:
    (unscored / "run.sh").write_text(TO_OUTPUT + hostile)
    graded = grade(unscored, assignment)
    assert graded.exit_code == 1, graded.stderr
    assert [found["code"][:3] for found in graded.errors if found["code"] != "REN001"] == ["RUN"]
    assert not list((graded.folder.parent.parent / "scratch").iterdir())


def test_prompts_that_are_a_folder(submission: Path, assignment: Path, grade) -> None:
    (submission / "submission" / "utils.py").write_text('import os\nos.mkdir("/output/prompts.json")\nos._exit(0)\n')
    (submission / "run.sh").write_text(BROKEN_RUN)
    graded = grade(submission, assignment)
    assert graded.exit_code == 1, graded.stderr
    assert "REN002" in graded.codes


def test_files_that_are_deleted_but_open_count_against_the_disk_budget(unscored: Path, assignment: Path, grade) -> None:
    """900 MB in unlinked files of 150 MB each, while the budget is 200 MB."""
    text = (assignment / "assignment.yaml").read_text(encoding="utf-8")
    (assignment / "assignment.yaml").write_text(text.replace("disk_bytes: 1000000000", "disk_bytes: 200000000"))
    (unscored / "run.sh").write_text(TO_OUTPUT + UNLINKED)
    graded = grade(unscored, assignment)
    assert "RUN002" in graded.codes, graded.errors
