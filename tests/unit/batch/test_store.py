"""The run folder: graded is graded, not graded is tried again, foreign files are reported."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.batch.store import RunStore, evidence_of
from harness.errors import ConfigError
from harness.model.result import Fault, Outcome, Record
from harness.schema.record import read_record


def test_a_record_comes_back_as_it_was_written(record: Record, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.open(record.submission.id)
    assert read_record(store.write(record)) == record


def test_a_graded_submission_is_not_graded_again(record: Record, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.open(record.submission.id)
    store.write(record)
    with pytest.raises(ConfigError, match="r13921031 is graded"):
        store.open(record.submission.id)


def test_one_that_was_not_graded_is_tried_again_from_nothing(record: Record, fault: Fault, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    workspace = store.open(record.submission.id)
    (workspace.logs / "run.stderr.log").write_text("old")
    store.write(replace(record, fault=fault, outcome=Outcome.NOT_GRADED, score=None, verdict=None))
    again = store.open(record.submission.id)
    assert not store.record_path(record.submission.id).exists()
    assert list(again.logs.iterdir()) == []


def test_a_torn_record_is_reported_and_kept(record: Record, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.open(record.submission.id)
    path = store.write(record)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ConfigError, match=r"record\.json"):
        store.open(record.submission.id)
    assert path.stat().st_size == 100


def test_a_folder_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        RunStore(tmp_path / "file").open("r13921031")


def test_evidence_lists_files_with_hashes(tmp_path: Path) -> None:
    workspace = RunStore(tmp_path).open("r13921031")
    (workspace.evidence / "b.json").write_text("{}")
    (workspace.logs / "a.log").write_text("")
    assert [one.path for one in evidence_of(workspace)] == ["evidence/b.json", "logs/a.log"]
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert evidence_of(workspace)[1].sha256 == empty
