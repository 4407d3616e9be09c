"""Each fault of a submission ends in its own finding with a remedy, exit code 1, and a record that validates."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.schema.record import read_record

pytestmark = pytest.mark.docker

WRITE = """#!/usr/bin/env bash
# {base} {adapter} $1 $2
python3 - "$3" "$4" <<'PYTHON'
import json, sys
rows = [{{"id": row["id"], "output": "text"}} for row in json.load(open(sys.argv[1]))]
{change}
PYTHON
"""


def writes(statement: str) -> str:
    return WRITE.format(base="", adapter="", change=statement)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "brought" / "adapter_checkpoint" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def wrong_base(folder: Path) -> None:
    edit_config(folder, base_model_name_or_path="someone/Other-7B")


def missing_weights(folder: Path) -> None:
    (folder / "brought" / "adapter_checkpoint" / "adapter_model.safetensors").unlink()


def run_script(text: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / "run.sh").write_text(text)

    return apply


def download_script(text: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / "download.sh").write_text("#!/usr/bin/env bash\n" + text)

    return apply


DUMP = "json.dump(rows, open(sys.argv[2], 'w'))"

CASES = [
    ("wrong base", wrong_base, "ADM005", "Other-7B"),
    ("missing adapter file", missing_weights, "ADM001", "adapter_model.safetensors"),
    ("empty prediction", run_script(writes(f"rows[2]['output'] = ''; {DUMP}")), "VAL006", "1 of 8 outputs are empty"),
    ("missing id", run_script(writes(f"del rows[3]; {DUMP}")), "VAL003", "1 missing"),
    ("invalid JSON", run_script(writes("open(sys.argv[2], 'w').write('[{\"id\": ')")), "VAL001", ""),
    ("run.sh exits 3", run_script("#!/bin/bash\n: $1 $2 $3 $4\necho why >&2\nexit 3\n"), "RUN003", "exit code 3"),
    ("unknown command", run_script("#!/bin/bash\npyhton3 $1 $2 $3 $4\n"), "RUN005", "pyhton3: command not found"),
    ("no output", run_script("#!/bin/bash\n: $1 $2 $3 $4\n"), "RUN004", "no such file"),
    ("output is a link", run_script("#!/bin/bash\n: $1 $2 $3\nln -s /etc/passwd $4\n"), "RUN004", "symbolic links"),
    ("download.sh never ends", download_script("sleep 1000000 & wait\n"), "FET001", "still running after"),
    ("download.sh brings nothing", download_script("true\n"), "FET004", "adapter_checkpoint"),
    ("adapter folder is a link", download_script("ln -s /etc adapter_checkpoint\n"), "FET005", "is a link"),
]


@pytest.mark.parametrize(("spoil", "code", "seen"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_fault(
    spoil: Callable[[Path], None], code: str, seen: str, unscored: Path, assignment: Path, set_budgets, grade
) -> None:
    spoil(unscored)
    set_budgets(fetch=3)
    graded = grade(unscored, assignment)
    assert graded.exit_code == 1, graded.stdout + graded.stderr
    (error,) = [found for found in graded.errors if found["code"] != "REN001"]
    assert error["code"] == code
    assert seen in error["seen"] + (error["staff_detail"] or "")
    assert error["fix"] and code in graded.stdout
    assert read_record(graded.folder / "record.json").outcome == "failed"
    assert not list((graded.folder.parent.parent / "scratch").glob("*"))


@pytest.mark.slow
def test_points_that_do_not_depend_on_the_fault_are_kept(submission: Path, assignment: Path, grade) -> None:
    (submission / "run.sh").write_text("#!/bin/bash\n: $1 $2 $3 $4\nexit 3\n")
    graded = grade(submission, assignment)
    assert graded.stage("validate")["status"] == "skipped"
    assert graded.stage("score")["status"] == "passed"
    assert graded.record["score"]["perplexity"] > 1
