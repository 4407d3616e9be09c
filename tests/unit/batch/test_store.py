"""The run folder: one harness at a time, graded is graded, what is torn or foreign is never trusted."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.batch.store import RunStore, evidence_of, refuse_another
from harness.errors import ConfigError
from harness.model.result import Evidence, Fault, Outcome, Record
from harness.model.run import Run, RunSubmission
from harness.schema.record import read_record

ID = "r13921031"


@pytest.fixture
def run(record: Record) -> Run:
    return Run(
        harness_version="0.1.0",
        started_at="2026-11-21T00:00:00+00:00",
        assignment=record.assignment,
        assignment_path="/course/assignment.yaml",
        base_path="/models/Qwen3-tiny",
        base_digest="0" * 64,
        sandbox="docker",
        image_lock="/course/image.lock",
        image_id="sha256:1",
        allow_process=False,
        submissions=(RunSubmission(id=ID, source="/handed-in/r13921031.zip"),),
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "run")


@pytest.fixture
def kept(record: Record, store: RunStore) -> Record:
    """A record with evidence, as it is left after grading."""
    workspace = store.open(ID)
    (workspace.evidence / "prompts.json").write_text("[]")
    written = replace(record, score=None, evidence=evidence_of(workspace))
    store.write(written)
    return written


def test_a_record_comes_back_as_it_was_written(kept: Record, store: RunStore, run: Run) -> None:
    assert read_record(store.record_path(ID)) == kept
    found = store.kept(ID, run=run)
    assert (found.graded, found.record, found.distrust) == (True, kept, "")


def test_nothing_there(store: RunStore, run: Run) -> None:
    found = store.kept(ID, run=run)
    assert (found.graded, found.record, found.distrust) == (False, None, "")


def test_one_that_was_not_graded_is_no_grade(kept: Record, fault: Fault, store: RunStore, run: Run) -> None:
    store.write(replace(kept, fault=fault, outcome=Outcome.NOT_GRADED, score=None, text=None, verdict=None))
    found = store.kept(ID, run=run)
    assert not found.graded and not found.distrust


def test_a_try_begins_from_nothing(kept: Record, store: RunStore) -> None:
    workspace = store.open(ID)
    assert not store.record_path(ID).exists()
    assert [one for one in workspace.kept.rglob("*") if one.is_file()] == []


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def swap(path: Path) -> None:
    text = path.read_text().replace(ID, "r00000000")
    path.write_text(text)


def other_data(path: Path) -> None:
    value = json.loads(path.read_text())
    value["assignment"]["data_sha256"] = "1" * 64
    path.write_text(json.dumps(value))


def change_evidence(path: Path) -> None:
    (path.parent / "evidence" / "prompts.json").write_text("{}")


def lose_evidence(path: Path) -> None:
    (path.parent / "evidence" / "prompts.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (tear, "is torn or no file of this grader"),
        (swap, "the record is that of r00000000"),
        (other_data, "it is of another run"),
        (change_evidence, "evidence/prompts.json is not what the record was made from"),
        (lose_evidence, "evidence/prompts.json is not there"),
    ],
)
def test_what_cannot_be_trusted_is_told_and_set_aside(
    spoil: Callable[[Path], None], why: str, kept: Record, store: RunStore, run: Run
) -> None:
    spoil(store.record_path(ID))
    found = store.kept(ID, run=run)
    assert not found.graded and found.record is None
    assert why in found.distrust and str(store.record_path(ID)) in found.distrust
    assert store.set_aside(ID) == store.root / "set-aside" / f"{ID}.1"
    assert (store.root / "set-aside" / f"{ID}.1" / "record.json").exists()
    store.open(ID)
    assert store.set_aside(ID).name == f"{ID}.2"


def test_evidence_that_leads_out_of_its_folder_is_not_read(kept: Record, store: RunStore, run: Run) -> None:
    (store.root / "secret").write_text("x")
    outside = Evidence(path="../../secret", sha256="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    path = store.record_path(ID)
    value = json.loads(path.read_text())
    value["evidence"] = [{"path": outside.path, "sha256": outside.sha256}]
    path.write_text(json.dumps(value))
    assert "../../secret is not there, or is no plain file" in store.kept(ID, run=run).distrust


def test_a_run_is_begun_once_and_may_grow(store: RunStore, run: Run) -> None:
    with store.held():
        assert store.read() is None
        assert store.joined(run) == run
        store.write_run(run)
        assert store.read() == run
        late = replace(
            run,
            started_at="2026-11-23T00:00:00+00:00",
            submissions=(RunSubmission(id="r00000001", source="/handed-in/late.zip"),),
        )
        grown = store.joined(late)
        assert [one.id for one in grown.submissions] == [ID, "r00000001"]
        assert grown.started_at == run.started_at
        store.write_run(grown)
        assert store.read() == grown


def test_another_run_is_refused(run: Run, tmp_path: Path) -> None:
    other = replace(run, image_id="sha256:2", assignment=replace(run.assignment, sha256="1" * 64))
    with pytest.raises(ConfigError) as caught:
        refuse_another(run, other, folder=tmp_path)
    assert str(caught.value) == (
        f"The run in {tmp_path} was begun with something else: the assignment's text (0000000000000000000, "
        "now 1111111111111111111), the image (sha256:1, now sha256:2)."
    )
    assert "harness regrade" in caught.value.remedy


def test_a_torn_run_is_told(store: RunStore, run: Run) -> None:
    with store.held():
        store.write_run(run)
        tear(store.run_path)
        with pytest.raises(ConfigError, match=r"run\.json is torn or no file of this grader"):
            store.read()


def test_one_harness_at_a_time_and_a_dead_one_holds_nothing(store: RunStore) -> None:
    script = (
        "import sys, time; from pathlib import Path; from harness.batch.store import RunStore\n"
        "with RunStore(Path(sys.argv[1])).held():\n    print('held', flush=True); time.sleep(1000)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with (
        pytest.raises(ConfigError, match=rf"is in use by another harness: process {other.pid} on ") as caught,
        store.held(),
    ):
        pass
    assert "--output" in caught.value.remedy
    other.kill()
    other.communicate()
    with store.held():
        pass


def test_what_was_under_way_goes_when_the_folder_is_taken_and_left(store: RunStore) -> None:
    workspace = store.open(ID)
    (workspace.scratch / "left").write_text("")
    with store.held():
        assert not workspace.scratch.exists()
        store.open(ID)
        assert workspace.scratch.exists()
    assert not workspace.scratch.exists() and not store.adapters.exists()


def test_a_folder_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"), RunStore(tmp_path / "file").held():
        pass


def test_evidence_lists_files_with_hashes(store: RunStore) -> None:
    workspace = store.open(ID)
    (workspace.evidence / "b.json").write_text("{}")
    (workspace.logs / "a.log").write_text("")
    assert [one.path for one in evidence_of(workspace)] == ["evidence/b.json", "logs/a.log"]
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert evidence_of(workspace)[1].sha256 == empty
