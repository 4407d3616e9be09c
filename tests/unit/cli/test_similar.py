"""`harness similar` as a person sees it: two widths, JSON that is valid, and that it is no verdict."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.model.similar import NOTE
from harness.schema.document import load_json
from harness.schema.validate import problems
from tests.unit.batch.similar.conftest import AddOne, add, hand_ins, make, weights  # noqa: F401
from tests.unit.similarity.test_code import ORIGINAL, OTHER, disguised

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str, width: int = 160) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "similar", *words]
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": str(width), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


@pytest.fixture
def filled(add: AddOne, tmp_path: Path) -> Path:  # noqa: F811
    outputs = {"h1": "奇怪的错误译文", "h2": "这个翻译"}
    add("r13921031", adapter=make(1), code=ORIGINAL, outputs=outputs)
    add("r13921032", adapter=make(1), code=disguised(ORIGINAL), outputs=outputs)
    add("r13921033", adapter=make(3), code=OTHER, outputs={"h1": "完全不同的话", "h2": "别的"})
    return tmp_path / "run"


@pytest.mark.parametrize("width", [80, 160])
def test_tables(filled: Path, hand_ins: Path, width: int) -> None:  # noqa: F811
    assignment = str(ROOT / "assignments" / "classical-chinese")
    done = run(str(filled), "--from", str(hand_ins), "--assignment", assignment, width=width)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= width
    text = " ".join(done.stdout.split())
    assert " ".join(NOTE.split()) in text
    assert "Adapters: delta W = B A (3 compared)" in text
    assert "standard deviation 0." in text and "exact with --adapters FOLDER" in text
    assert "Over 3 pairs: median cosine" in text
    assert "No skeleton: --skeleton FOLDER names it." in text
    assert "A pair is a reason to look, not a finding against anyone." in text
    if width == 160:
        assert "the same file (SHA-256); layers 0-3 of 4" in text
        assert "predict.py:2-25 = predict.py:" in text
        assert "h1 (2 have it): 奇怪的错误译文" in text


def test_json_is_valid(filled: Path) -> None:
    done = run(str(filled), "--format", "json", "--top", "1")
    assert done.returncode == 0, done.stderr
    assert problems(load_json(done.stdout.encode(), "similar"), "similar.v1") == ()
    found = json.loads(done.stdout)
    assert found["note"] == NOTE and found["runs"] == [str(filled)]
    assert len(found["adapters"]["pairs"]) == 1 and found["adapters"]["pairs"][0]["same_file"] is True
    assert {one["why"] for one in found["code"]["left_out"]} == {
        "its assignment is not known; give it with --assignment"
    }


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.returncode == 3
    assert done.stderr == (f"harness: {tmp_path} holds no graded submission.\n  Give the folder that --output named.\n")
