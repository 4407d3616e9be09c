"""A quick check: the grader's own stages on what lies there, and nothing runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulated import make_adapter, make_base
from harness.batch.quick import check_quickly
from harness.batch.start import start
from harness.errors import ConfigError, EnvironmentFault
from harness.model.parity import RECEIPT
from harness.model.result import Outcome, Record, StageStatus
from harness.sandbox.nothing import NothingRuns
from harness.schema.record import record_text
from harness.stages.given import Given

LEFT_OUT = ("fetch", "render", "run", "score", "compare")
Check = Callable[..., Record]


@pytest.fixture
def assignment(root: Path) -> Path:
    return root / "assignments" / "classical-chinese"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base(tmp_path / "Qwen3-tiny")


@pytest.fixture
def submission(tmp_path: Path, assignment: Path, base: Path) -> Path:
    return start(tmp_path / "r13921031", student_id=None, assignment_path=assignment, base_path=base).folder


@pytest.fixture
def check(assignment: Path, base: Path, submission: Path, tmp_path: Path) -> Check:
    def run(*, with_base: bool = True, source: Path = submission, **given: Any) -> Record:
        return check_quickly(
            source,
            assignment_path=assignment,
            base_path=base if with_base else None,
            image_lock=tmp_path / "none.lock",
            given=Given(**given),
        ).record

    return run


def statuses(record: Record) -> dict[str, StageStatus]:
    return {one.stage: one.status for one in record.stages}


def summary(record: Record, stage: str) -> str:
    (found,) = (one.summary for one in record.stages if one.stage == stage)
    return str(found)


def codes(record: Record, stage: str) -> list[str]:
    return [found.code for one in record.stages if one.stage == stage for found in one.findings]


@pytest.fixture
def predictions(assignment: Path, tmp_path: Path) -> Path:
    rows = json.loads((assignment / "data" / "public.json").read_text(encoding="utf-8"))
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([{"id": row["id"], "output": "x"} for row in rows]), encoding="utf-8")
    return path


def test_what_it_looks_at_and_what_not(check: Check, predictions: Path) -> None:
    record = check(predictions=predictions)
    assert (record.outcome, record.quick, record.verdict, record.fault) == (Outcome.PASSED, True, None, None)
    assert statuses(record) == {
        "intake": StageStatus.PASSED,
        "fetch": StageStatus.SKIPPED,
        "admit": StageStatus.PASSED,
        "render": StageStatus.SKIPPED,
        "run": StageStatus.SKIPPED,
        "validate": StageStatus.PASSED,
        "score": StageStatus.SKIPPED,
        "compare": StageStatus.SKIPPED,
    }
    assert {summary(record, stage) for stage in LEFT_OUT} == {"not looked at"}
    assert codes(record, "intake") == ["INT008"]
    assert summary(record, "admit") == "LoRA of rank 4"
    assert summary(record, "validate") == "40 of 40 predictions"
    written = json.loads(record_text(record))
    assert (written["sandbox"], written["isolated"], written["assignment"]["base_model"]) == (
        "none",
        False,
        "Qwen3-tiny",
    )


def test_it_runs_nothing_and_keeps_nothing(check: Check, submission: Path, tmp_path: Path) -> None:
    for script in ("run.sh", "download.sh"):
        (submission / script).write_text(f"#!/usr/bin/env bash\ntouch {tmp_path}/ran\n")
    before = sorted(tmp_path.rglob("*"))
    assert check().outcome is Outcome.PASSED
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(tmp_path.rglob(RECEIPT))


def test_an_adapter_of_the_homeworks_size_may_lie_in_a_folder_but_not_in_an_archive(
    check: Check, submission: Path
) -> None:
    with (submission / "adapter_checkpoint" / "adapter_model.safetensors").open("r+b") as file:
        file.truncate(66_100_000)
    assert codes(check(), "intake") == ["INT008"]
    archive = Path(shutil.make_archive(str(submission), "zip", submission.parent, submission.name))
    assert codes(check(source=archive), "intake") == ["INT003"]


def test_nothing_given_and_nothing_there(check: Check, submission: Path) -> None:
    shutil.rmtree(submission / "adapter_checkpoint")
    record = check()
    assert summary(record, "admit") == "not looked at: no adapter in adapter_checkpoint; give --adapter FOLDER"
    words = "not looked at: no predictions.json in the submission; give --predictions FILE"
    assert summary(record, "validate") == words


def test_without_a_base_model_shapes_are_not_compared(check: Check, submission: Path, tmp_path: Path) -> None:
    record = check(with_base=False)
    assert summary(record, "admit") == "LoRA of rank 4; shapes not compared: give --base-model"
    assert record.assignment.base_model == "none"
    other = make_adapter(tmp_path / "other", modules={"model.layers.0.self_attn.q_proj": (16, 16)})
    assert codes(check(adapter=other), "admit") == ["ADM008"]
    assert codes(check(with_base=False, adapter=other), "admit") == []
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "Other-7B"}))
    assert codes(check(with_base=False, adapter=other), "admit") == ["ADM005"]


def test_a_named_adapter_comes_before_that_in_the_submission(check: Check, submission: Path, tmp_path: Path) -> None:
    (submission / "adapter_checkpoint" / "adapter_config.json").write_text("{")
    assert codes(check(), "admit") == ["ADM004"]
    good = make_adapter(tmp_path / "good")
    (good / "checkpoint-500").mkdir()
    assert codes(check(adapter=good), "admit") == []
    (good / "model-00001-of-00002.safetensors").write_bytes(b"x" * 9_000)
    assert codes(check(adapter=good), "admit") == []
    (good / "elsewhere").symlink_to("/etc/passwd")
    assert codes(check(adapter=good), "admit") == ["FET005"]


def test_a_whole_model_in_place_of_an_adapter_is_not_copied(check: Check, tmp_path: Path) -> None:
    merged = make_adapter(tmp_path / "merged")
    with (merged / "adapter_model.safetensors").open("r+b") as file:
        file.truncate(9_000_000_000_000)  # more than any disk here has
    (found,) = (one for one in check(adapter=merged).findings if one.code.startswith("ADM"))
    assert (found.code, found.seen) == ("ADM003", "9000000 MB")


def test_all_that_is_wrong_is_said_at_once(check: Check, submission: Path, tmp_path: Path) -> None:
    (submission / "run.sh").write_bytes(b"#!/usr/bin/env bash\r\nexit 0\r\n")
    (submission / "adapter_checkpoint" / "adapter_config.json").write_text("{")
    (submission / "predictions.json").write_text("[{'id': 1}]")
    record = check()
    assert record.outcome is Outcome.FAILED
    assert "INT010" in codes(record, "intake")
    assert codes(record, "admit") == ["ADM004"]
    assert codes(record, "validate") == ["VAL001"]


def test_a_submission_that_cannot_be_unpacked(check: Check, tmp_path: Path) -> None:
    broken = tmp_path / "r13921031.zip"
    broken.write_bytes(b"PK nothing")
    record = check(source=broken)
    assert codes(record, "intake") == ["INT001"]
    assert statuses(record)["admit"] is StageStatus.SKIPPED
    assert {summary(record, stage) for stage in ("admit", "validate")} == {"needs intake"}
    assert statuses(check(source=broken, adapter=make_adapter(tmp_path / "good")))["admit"] is StageStatus.PASSED


def test_predictions_that_are_too_large_or_no_file(check: Check, submission: Path) -> None:
    with (submission / "predictions.json").open("wb") as file:
        file.truncate(4_000_000)
    record = check()
    assert codes(record, "validate") == ["RUN004"]
    (found,) = (one for one in record.findings if one.code == "RUN004")
    assert found.seen == "predictions.json: larger than 3.62144 MB."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"adapter": Path("none")}, "There is no folder none."),
        ({"predictions": Path("none")}, "There is no file none."),
    ],
)
def test_what_was_named_and_is_not_there(check: Check, given: dict[str, Path], words: str) -> None:
    with pytest.raises(ConfigError) as found:
        check(**given)
    assert str(found.value) == words


def test_a_base_model_that_is_not_there(assignment: Path, submission: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="There is no base model"):
        check_quickly(
            submission,
            assignment_path=assignment,
            base_path=tmp_path / "none",
            image_lock=tmp_path / "none.lock",
            given=Given(),
        )


def test_its_sandbox_refuses_to_run_anything() -> None:
    with pytest.raises(AssertionError, match="a quick check runs no program"):
        NothingRuns().host_address()
