"""The repository's own submission, fetched over HTTP and graded in containers."""

import json
import math
from pathlib import Path
from types import ModuleType

import pytest

from harness.sandbox.interface import Sandbox
from harness.schema.record import read_record

pytestmark = pytest.mark.docker
CLEARLY = 1.5


def test_reference_submission_passes(
    demo: ModuleType, sandbox: Sandbox, made: tuple[Path, Path], assignment: Path, grade, tmp_path: Path
) -> None:
    with demo.serve(made[1].parent, sandbox.host_address()) as url:
        listed = demo.allowing(assignment, url, tmp_path / "listed")
        graded = grade(demo.pack(tmp_path, made[1], url), listed)
    assert graded.exit_code == 0, graded.stdout + graded.stderr
    record = read_record(graded.folder / "record.json")
    assert record.outcome == "passed"
    assert [stage.stage for stage in record.stages] == [
        "intake", "fetch", "admit", "render", "run", "validate", "score", "compare",
    ]  # fmt: skip
    assert {stage.status for stage in record.stages} == {"passed"}
    assert record.score is not None and record.score.base_perplexity / record.score.perplexity > CLEARLY
    assert record.isolated and record.image_id and record.image_id.startswith("sha256:")
    assert record.text is not None and record.text.examples == record.score.examples
    assert record.text.chrf > 0 and "|tok:zh|" in record.text.bleu_signature
    assert "Text metrics (predictions against references)" in graded.stdout
    assert "Base Qwen3-tiny" in graded.stdout
    assert "Points" in graded.stdout
    assert str(graded.folder) in graded.stdout.replace("\n", "")
    kept = json.loads((graded.folder / "evidence" / "score.json").read_text(encoding="utf-8"))
    compared = json.loads((graded.folder / "evidence" / "compare.json").read_text(encoding="utf-8"))
    assert [one["id"] for one in compared["examples"]] == [one["id"] for one in kept["adapter"]]
    assert compared["text"]["chrf"] == record.text.chrf
    each = [math.exp(one["nll_nats"] / one["tokens"]) for one in kept["adapter"]]
    assert sum(each) / len(each) == pytest.approx(record.score.perplexity, rel=1e-12)


def test_a_second_grading_into_the_same_folder_is_refused(submission: Path, assignment: Path, grade) -> None:
    (submission / "download.sh").write_text("#!/usr/bin/env bash\nexit 3\n")
    first = grade(submission, assignment)
    again = grade(submission, assignment)
    assert first.exit_code == 1
    assert again.exit_code == 3
    assert "Graded already in " in again.stderr and "harness grade --resume" in again.stderr
    assert again.record == first.record
