"""A run that was graded for real, regraded: other thresholds, other deadline, an extension, an example less."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.files import sha256_file
from harness.schema.record import read_record

pytestmark = [pytest.mark.docker, pytest.mark.torch, pytest.mark.slow]
STUDENT = "r13921031"


@pytest.fixture
def run(submission: Path, assignment: Path, base: Path, tmp_path: Path, root: Path) -> Path:
    """The run folder of a submission that came a day late, by the process sandbox."""
    folder = tmp_path / "run"
    words = [sys.executable, "-m", "harness", "grade", str(submission), "--assignment", str(assignment)]
    words += ["--base-model", str(base), "--output", str(folder), "--sandbox", "process", "--i-trust-this-code"]
    words += ["--submitted-at", "2027-01-01T10:00:00+08:00"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


Regrade = Callable[..., dict[str, Any]]


@pytest.fixture
def regrade(assignment: Path, run: Path, tmp_path: Path) -> Regrade:
    """Regrade where no engine answers and no package of the image can be imported."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'docker', 'sacrebleu', 'transformers', 'peft']));"
        "from harness.cli import main; main()"
    )

    def apply(*words: object, source: Path = run) -> dict[str, Any]:
        command = [sys.executable, "-c", code, "regrade", str(source), "--assignment", str(assignment)]
        environment = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
        command += [*map(str, words), "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return apply


def change(assignment: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    path = assignment / "assignment.yaml"
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    edit(text)
    path.write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")


def test_a_real_run_is_regraded_from_its_evidence(
    run: Path, assignment: Path, submission: Path, base: Path, regrade: Regrade, tmp_path: Path
) -> None:
    kept = run / "submissions" / STUDENT
    before = {path: (sha256_file(path), path.stat().st_mtime_ns) for path in run.rglob("*") if path.is_file()}
    old = read_record(kept / "record.json")
    assert old.score is not None and old.verdict is not None
    assert old.submission.submitted_at == "2027-01-01T10:00:00+08:00"
    assert old.verdict.late_reason == (
        "1 day late: 10% of the points (handed in 2027-01-01 10:00, deadline 2026-12-31 23:59 Asia/Taipei)"
    )

    same = regrade("--output", tmp_path / "same")
    assert (same["moved"], same["counts"]["unchanged"]) == ([], 1)
    assert read_record(tmp_path / "same" / "submissions" / STUDENT / "record.json").verdict == old.verdict

    (tmp_path / "extensions.yaml").write_text(f"- {{id: {STUDENT}, until: 2027-01-03T12:00, reason: illness}}\n")
    granted = regrade("--extensions", tmp_path / "extensions.yaml", "--output", tmp_path / "granted")
    (move,) = granted["moved"]
    assert move["change"] == pytest.approx(old.verdict.late_penalty)
    assert "extended from 2026-12-31 23:59" in move["why"][0]

    threshold = old.score.perplexity / 1.002

    def raise_the_bar(text: dict[str, Any]) -> None:
        tiny = next(one for one in text["base_models"] if one["name"] == "Qwen3-tiny")
        tiny["baselines"] = {"public": threshold, "strong": threshold / 2}

    change(assignment, raise_the_bar)
    harder = regrade("--output", tmp_path / "harder", source=tmp_path / "granted")
    (move,) = harder["moved"]
    assert move["after"] == 4
    assert any(one.startswith("Public baseline: 4 -> 0 (perplexity ") for one in move["why"])
    (near,) = harder["borderline"]
    assert near["distance"] == pytest.approx(0.002, abs=1e-6)
    assert [one["id"] for one in regrade("--borderline")["borderline"]] == [STUDENT]
    own = subprocess.run(
        [sys.executable, "-m", "harness", "regrade", str(run), "--borderline"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert own.returncode == 0, own.stderr
    assert "Within 0.5 % of a threshold" in own.stdout

    again = ("--rescore", "--base-model", base, "--adapters")
    scored = regrade("--output", tmp_path / "again", *again, submission, source=tmp_path / "granted")
    (row,) = scored["rescored"]
    assert row["stands"] is True
    assert row["after"] == pytest.approx(old.score.perplexity, rel=1e-4)
    kept_row = json.loads((tmp_path / "again" / "submissions" / STUDENT / "evidence" / "rescore.json").read_text())
    assert kept_row == [row]
    assert regrade("--borderline", source=tmp_path / "again")["left_out"] == []
    (tmp_path / "nothing").mkdir()
    (row,) = regrade("--borderline", *again, tmp_path / "nothing")["rescored"]
    assert (row["stands"], row["problem"]) == (None, "its adapter is not in the folder of adapters")

    dropped = json.loads((assignment / "data" / "private.json").read_text(encoding="utf-8"))[0]["id"]
    fewer = regrade("--drop-example", dropped, "--output", tmp_path / "fewer", source=tmp_path / "harder")
    assert fewer["notes"][0].startswith("Text metrics of 1 record are left out")
    new = read_record(tmp_path / "fewer" / "submissions" / STUDENT / "record.json")
    assert new.score is not None and new.regraded_from is not None
    assert new.score.examples == old.score.examples - 1
    assert new.regraded_from.dropped_examples == (dropped,)
    assert new.submission.extension is not None and new.submission.extension.reason == "illness"
    assert [stage.receipt for stage in new.stages] == [stage.receipt for stage in old.stages]

    after = {path: (sha256_file(path), path.stat().st_mtime_ns) for path in run.rglob("*") if path.is_file()}
    assert after == before
