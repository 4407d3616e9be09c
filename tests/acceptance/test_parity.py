"""Check, pack the receipt, grade: nothing differs; swap the adapter or the code, and grading says so."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.model.parity import RECEIPT

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def notes(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Give the notes but PAR006: how long a stage takes here depends on what else the machine does."""
    found = [one for stage in record["stages"] for one in stage["findings"] if one["code"].startswith("PAR")]
    assert all(one["severity"] == "info" for one in found)
    return [(one["code"], one["seen"]) for one in found if one["code"] != "PAR006"]


def test_a_receipt_on_its_way(unscored: Path, assignment: Path, grade, tmp_path: Path) -> None:
    submission = unscored
    (submission / "run.sh").write_text("#!/usr/bin/env bash\nexit 3\n")
    checked = grade(submission, assignment, command="check", output="check")
    assert {one["code"] for one in checked.errors} == {"REN001", "RUN003"}, checked.stdout + checked.stderr
    receipt = json.loads((checked.folder / RECEIPT).read_text(encoding="utf-8"))
    assert receipt["adapter_sha256"] == checked.record["submission"]["adapter_sha256"]
    assert receipt["image_id"].startswith("sha256:") and "torch" in receipt["packages"]
    assert (checked.folder / "evidence" / "adapter_sketch.json").is_file()
    shutil.copy(checked.folder / RECEIPT, submission)

    same = grade(submission, assignment, output="same")
    assert same.exit_code == checked.exit_code == 1, same.stdout + same.stderr
    assert notes(same.record) == []
    assert same.record["submission"]["tree_sha256"] == receipt["tree_sha256"]
    assert not (same.folder / RECEIPT).exists()

    weights = submission / "brought" / "adapter_checkpoint" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-2] ^= 1  # the last bit of one value
    weights.write_bytes(content)
    (submission / "run.sh").write_text("#!/usr/bin/env bash\nexit 4\n")
    other = grade(submission, assignment, output="other")
    now = other.record["submission"]["adapter_sha256"]
    assert notes(other.record) == [
        (
            "PAR002",
            f"Your check used another adapter (SHA-256 {receipt['adapter_sha256'][:12]}…) than the one download.sh "
            f"brought now (SHA-256 {now[:12]}…).",
        ),
        (
            "PAR003",
            "Since your check: 2 changed (`brought/adapter_checkpoint/adapter_model.safetensors`, `run.sh`).",
        ),
    ]
    assert other.exit_code == same.exit_code
    assert "info PAR002 another adapter than in the check" in other.stdout
