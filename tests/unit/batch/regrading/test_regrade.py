"""Regrading a run of records that the real writer made: who moves, why, and what is never trusted."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.batch.kept import Trusted, read_kept
from harness.batch.regrade import regrade
from harness.batch.rejudge import Rules
from harness.batch.reported import read_reported
from harness.batch.store import RunStore, evidence_of
from harness.errors import ConfigError
from harness.files import sha256_file, write_json
from harness.model.extension import Extension
from harness.model.regrade import LeftOut
from harness.model.result import Fault, Outcome, Record, StageResult, StageStatus
from harness.model.run import Run, RunSubmission
from harness.schema.assignment import LoadedAssignment
from harness.schema.record import read_record, record_text

COUNT = 40
SMALL = 10
NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
Edit = Callable[..., LoadedAssignment]


def student(number: int) -> str:
    return f"r{13921000 + number:08d}"


def records(run: Path) -> dict[str, Record]:
    return {path.parent.name: read_record(path) for path in sorted((run / "submissions").glob("*/record.json"))}


def again(run: Path, rules: Rules, output: Path | None) -> Any:
    return regrade(run, rules, output=output, now=lambda: NOW)


def state(run: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(run)): (sha256_file(path), path.stat().st_mtime_ns)
        for path in sorted(run.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def run(class_of_40: Path, tmp_path: Path) -> Path:
    return shutil.copytree(class_of_40, tmp_path / "run")


@pytest.fixture
def small(run: Path) -> Path:
    """The first ten of the run."""
    for number in range(SMALL, COUNT):
        shutil.rmtree(run / "submissions" / student(number))
    return run


def test_an_untouched_regrade_gives_equal_verdicts_and_says_where_from(
    run: Path, loaded: LoadedAssignment, tmp_path: Path
) -> None:
    before = state(run)
    done = again(run, Rules(loaded=loaded), tmp_path / "new")
    assert (done.moves, done.unchanged, done.left_out, done.notes) == ((), COUNT, (), ())
    assert state(run) == before
    old, new = records(run), records(tmp_path / "new")
    assert list(old) == list(new)
    for one, other in zip(old.values(), new.values(), strict=True):
        came_from = other.regraded_from
        assert came_from is not None
        assert came_from.record_sha256 == sha256_file(run / "submissions" / one.submission.id / "record.json")
        assert came_from.graded_at == one.graded_at
        assert other == replace(one, graded_at="2027-02-01T12:00:00+00:00", regraded_from=came_from)


def test_the_new_run_stands_alone_and_can_be_regraded(small: Path, loaded: LoadedAssignment, tmp_path: Path) -> None:
    first = again(small, Rules(loaded=loaded, dropped=("e1",)), tmp_path / "one")
    small.rename(tmp_path / "gone")
    second = again(tmp_path / "one", Rules(loaded=loaded, dropped=("e2",)), tmp_path / "two")
    assert len(first.moves) + first.unchanged == SMALL
    assert second.left_out == ()
    both = again(tmp_path / "gone", Rules(loaded=loaded, dropped=("e2", "e1")), tmp_path / "both")
    assert both.left_out == ()
    for one, other in zip(records(tmp_path / "two").values(), records(tmp_path / "both").values(), strict=True):
        assert one.regraded_from is not None and one.regraded_from.dropped_examples == ("e1", "e2")
        assert (one.score, one.verdict) == (other.score, other.verdict)


def test_the_new_run_names_its_assignment_and_has_a_table_of_grades(
    small: Path, loaded: LoadedAssignment, edit: Edit, tmp_path: Path
) -> None:
    first = records(small)[student(0)]
    begun = Run(
        harness_version="0.1.0",
        started_at="2027-01-08T00:00:00+00:00",
        assignment=first.assignment,
        assignment_path=str(loaded.folder),
        base_path="/models/Qwen3-tiny",
        base_digest="0" * 64,
        sandbox="docker",
        image_lock="/image.lock",
        image_id=None,
        allow_process=False,
        submissions=tuple(RunSubmission(id=student(one), source=f"/in/{student(one)}.zip") for one in range(SMALL)),
    )
    RunStore(small).write_run(begun)
    RunStore(small).write_grades(begun)
    changed = edit(("public: 40.0", "public: 20.0"))
    time = datetime(2026, 12, 1, tzinfo=UTC)
    rules = Rules(loaded=changed, place=loaded.folder / "other.yaml", times={student(1): time})
    again(small, rules, tmp_path / "new")
    store = RunStore(tmp_path / "new")
    now = store.read()
    assert now is not None
    assert now.assignment_path == str((loaded.folder / "other.yaml").resolve())
    assert now.assignment.sha256 == changed.sha256 != begun.assignment.sha256
    assert [one.submitted_at for one in now.submissions[:3]] == [None, time.isoformat(), None]
    assert all(store.kept(one.id, run=now).graded for one in now.submissions), "--resume has nothing to do"
    reported = read_reported(store.root)
    assert reported.missing == () and reported.assignment == changed.assignment
    rows = list(csv.DictReader((store.root / "grades.csv").read_text(encoding="utf-8-sig").splitlines()))
    new = records(store.root)
    assert {one["id"]: float(one["total"]) for one in rows} == {
        name: record.verdict.total for name, record in new.items() if record.verdict
    }
    assert (store.root / "grades.csv").read_bytes() != (small / "grades.csv").read_bytes()


def test_a_threshold_moves_exactly_those_between_old_and_new(run: Path, edit: Edit, tmp_path: Path) -> None:
    done = again(run, Rules(loaded=edit(("public: 40.0", "public: 34.5"))), tmp_path / "new")
    old, new = records(run), records(tmp_path / "new")
    between = {key for key, one in old.items() if one.score is not None and 34.5 < one.score.perplexity <= 40}
    lost_all = {key for key in between if old[key].verdict.total == 0}  # type: ignore[union-attr]
    assert len(between) > 3
    assert {one.id for one in done.moves} == between - lost_all
    assert done.unchanged == COUNT - len(done.moves)
    for move in done.moves:
        verdict = new[move.id].verdict
        assert verdict is not None
        assert (move.after, move.possible_after) == (verdict.total, 10)
        assert move.why[0].startswith("Public baseline: 4 -> 0 (perplexity 3")
        assert move.why[0].endswith(" is above 34.5 (public))")
        assert move.change < 0
    assert [one.change for one in done.moves] == sorted(one.change for one in done.moves)


def test_a_dropped_line_and_other_points(run: Path, edit: Edit, tmp_path: Path) -> None:
    line = "  - name: Strong baseline\n    points: 2\n    metric: perplexity\n    baseline: strong\n"
    added = "  - name: Corpus\n    points: 3\n    metric: corpus_perplexity\n    baseline: strong\n"
    done = again(run, Rules(loaded=edit((line, added))), tmp_path / "new")
    assert done.notes == ("Best possible grade: 10 -> 11.",)
    up = next(one for one in done.moves if one.change == 1)
    assert up.why[0] == "Strong baseline: dropped, was 2 / 2"
    assert up.why[1].startswith("Corpus: new, 3 / 3 (corpus perplexity ")
    assert len(up.why) == 2


def test_an_extension_takes_the_penalty_back(small: Path, loaded: LoadedAssignment, tmp_path: Path) -> None:
    late = student(8)
    assert records(small)[late].verdict.late_penalty > 0  # type: ignore[union-attr]
    extension = Extension(id=late, days=2, reason="illness")
    done = again(small, Rules(loaded=loaded, extensions={late: extension}), tmp_path / "new")
    (move,) = done.moves
    assert (move.id, move.change) == (late, 2.0)
    assert move.why == (
        "Late penalty: 2 -> 0 (on time (handed in 2027-01-02 22:59, deadline 2027-01-02 23:59 Asia/Taipei, "
        "extended from 2026-12-31 23:59))",
    )
    kept = records(tmp_path / "new")[late]
    assert kept.submission.extension == extension
    # A later regrade needs nothing else: the extension is in the record.
    assert again(tmp_path / "new", Rules(loaded=loaded), tmp_path / "later").moves == ()
    back = Rules(loaded=loaded, extensions={late: Extension(id=late, days=0)})
    assert [one.change for one in again(tmp_path / "new", back, None).moves] == [-2.0]


def test_another_late_policy_and_other_times(run: Path, edit: Edit, loaded: LoadedAssignment, tmp_path: Path) -> None:
    done = again(run, Rules(loaded=edit(("tokens: 0", "tokens: 6"), ("max_days: 5", "max_days: 9"))), tmp_path / "new")
    assert done.moves
    assert {one.verdict.late_penalty for one in records(tmp_path / "new").values() if one.verdict} == {0.0}
    assert records(tmp_path / "new")[student(12)].verdict.late_tokens == 3  # type: ignore[union-attr]
    times = {student(1): datetime.fromisoformat("2027-01-01T10:00:00+08:00")}
    (move,) = again(run, Rules(loaded=loaded, times=times), tmp_path / "timed").moves
    assert move.id == student(1)
    assert "1 day late: 10% of the points (handed in 2027-01-01 10:00" in move.why[0]
    assert records(tmp_path / "timed")[student(1)].submission.submitted_at == "2027-01-01T10:00:00+08:00"


def test_a_dropped_example_is_left_out_of_every_figure(small: Path, loaded: LoadedAssignment, tmp_path: Path) -> None:
    done = again(small, Rules(loaded=loaded, dropped=("e5",)), tmp_path / "new")
    assert f"Text metrics of {SMALL} records are left out: they are not taken again" in done.notes[0]
    for key, one in records(tmp_path / "new").items():
        kept = json.loads((small / "submissions" / key / "evidence" / "score.json").read_text())
        rest = [row for row in kept["adapter"] if row["id"] != "e5"]
        score = one.score
        assert score is not None
        assert (score.examples, score.tokens) == (5, sum(row["tokens"] for row in rest))
        assert score.perplexity == pytest.approx(sum(row["perplexity"] for row in rest) / 5, rel=1e-12)
        bits = sum(row["nll_nats"] for row in rest) / 0.6931471805599453
        assert score.bits_per_character == pytest.approx(bits / (1 + 2 + 3 + 4 + 5), rel=1e-12)
        assert one.text is None


def test_predictions_are_valid_if_only_those_of_the_dropped_example_were_wrong(
    small: Path, loaded: LoadedAssignment, tmp_path: Path
) -> None:
    folder, other = (small / "submissions" / student(number) for number in (0, 2))
    for one, wrong in ((folder, "e5"), (other, "e4")):
        rows = [{"id": f"e{number}", "output": "" if f"e{number}" == wrong else "x"} for number in range(6)]
        write_json(one / "predictions.json", rows)
        old = read_record(one / "record.json")
        stage = StageResult(stage="validate", status=StageStatus.FAILED, summary="not valid", duration_s=0.0)
        rewrite(one, replace(old, outcome=Outcome.FAILED, stages=(stage,)))
    again(small, Rules(loaded=loaded, dropped=("e5",)), tmp_path / "new")
    points = [records(tmp_path / "new")[one.name].verdict.points[0].earned for one in (folder, other)]  # type: ignore[union-attr]
    assert points == [4.0, 0.0]


def rewrite(folder: Path, record: Record) -> None:
    """Write a record anew, with the hashes of what lies beside it."""
    store = RunStore(folder.parents[1])
    path = folder / "record.json"
    path.unlink(missing_ok=True)
    workspace = replace(store.open("scratch-of-the-test"), kept=folder)
    path.write_text(record_text(replace(record, evidence=evidence_of(workspace))))
    (store.folder("scratch-of-the-test") / "logs").rmdir()
    (store.folder("scratch-of-the-test") / "evidence").rmdir()
    store.folder("scratch-of-the-test").rmdir()


def torn(folder: Path) -> str:
    path = folder / "record.json"
    path.write_bytes(path.read_bytes()[:200])
    return "record.json is torn or no file of this grader:"


def gone(folder: Path) -> str:
    (folder / "record.json").unlink()
    return "record.json cannot be read: No such file or directory."


def foreign(folder: Path) -> str:
    path = folder / "record.json"
    path.write_text(path.read_text().replace(folder.name, student(99)))
    return f"the record is that of {student(99)}"


def changed_evidence(folder: Path) -> str:
    path = folder / "evidence" / "score.json"
    path.write_text(path.read_text().replace("nll_nats", "nll_nots"))
    return "evidence/score.json is not what the record was made from: its SHA-256 differs"


def lost_evidence(folder: Path) -> str:
    (folder / "predictions.json").unlink()
    return "predictions.json is not there, or is no plain file"


def linked_evidence(folder: Path) -> str:
    path = folder / "predictions.json"
    path.rename(folder.parents[1] / "predictions.json")
    path.symlink_to(folder.parents[1] / "predictions.json")
    return "predictions.json is not there, or is no plain file"


def outside_evidence(folder: Path) -> str:
    path = folder / "record.json"
    path.write_text(path.read_text().replace('"predictions.json"', '"../secret.json"'))
    (folder.parent / "secret.json").write_bytes((folder / "predictions.json").read_bytes())
    return "../secret.json is not there, or is no plain file"


def better_score(folder: Path) -> str:
    record = read_record(folder / "record.json")
    assert record.score is not None
    rewrite(folder, replace(record, score=replace(record.score, perplexity=1.5)))
    return "evidence/score.json gives another perplexity than the record has"


def unlisted_score(folder: Path) -> str:
    (folder / "evidence" / "score.json").unlink()
    rewrite(folder, read_record(folder / "record.json"))
    return "the record has a score, but not its evidence evidence/score.json"


def other_assignment(folder: Path) -> str:
    record = read_record(folder / "record.json")
    rewrite(folder, replace(record, assignment=replace(record.assignment, name="dolly")))
    return "it was graded by the assignment dolly, not classical-chinese"


def other_base(folder: Path) -> str:
    record = read_record(folder / "record.json")
    rewrite(folder, replace(record, assignment=replace(record.assignment, base_model="Llama")))
    return "the assignment has no base model Llama"


def no_time(folder: Path) -> str:
    record = read_record(folder / "record.json")
    rewrite(folder, replace(record, submission=replace(record.submission, submitted_at=None)))
    return "it lost points for lateness, and its record does not say when it was handed in"


@pytest.mark.parametrize(
    "spoil",
    [
        torn,
        gone,
        foreign,
        changed_evidence,
        lost_evidence,
        linked_evidence,
        outside_evidence,
        better_score,
        unlisted_score,
        other_assignment,
        other_base,
        no_time,
    ],
    ids=lambda one: one.__name__,
)
def test_what_is_not_whole_is_left_out_and_the_others_are_regraded(
    spoil: Callable[[Path], str], small: Path, loaded: LoadedAssignment, tmp_path: Path
) -> None:
    folder = small / "submissions" / student(8)
    reason = spoil(folder)
    done = again(small, Rules(loaded=loaded), tmp_path / "new")
    (left,) = done.left_out
    assert left.id == student(8)
    assert left.reason.startswith(reason)
    assert done.unchanged == SMALL - 1
    assert student(8) not in records(tmp_path / "new")
    assert not (tmp_path / "new" / "submissions" / student(8)).exists()


def test_one_that_was_not_graded_stays_so(small: Path, loaded: LoadedAssignment, fault: Fault, tmp_path: Path) -> None:
    folder = small / "submissions" / student(3)
    old = read_record(folder / "record.json")
    rewrite(folder, replace(old, outcome=Outcome.NOT_GRADED, fault=fault, verdict=None, score=None))
    done = again(small, Rules(loaded=loaded, dropped=("e1",)), tmp_path / "new")
    assert done.not_graded == (student(3),)
    copied = tmp_path / "new" / "submissions" / student(3) / "record.json"
    assert copied.read_bytes() == (folder / "record.json").read_bytes()
    assert not copied.samefile(folder / "record.json")
    assert any(isinstance(one, Trusted) and one.record.fault == fault for one in read_kept(tmp_path / "new"))


def test_another_data_file_is_refused_only_where_it_is_needed(
    small: Path, loaded: LoadedAssignment, edit: Edit, tmp_path: Path
) -> None:
    path = loaded.folder / "data" / "private.json"
    path.write_text(path.read_text().replace('"q"', '"p"'))
    assert again(small, Rules(loaded=loaded), None).unchanged == SMALL
    with pytest.raises(ConfigError) as caught:
        again(small, Rules(loaded=loaded, dropped=("e1",)), tmp_path / "new")
    assert str(caught.value) == (
        f"Not one of {SMALL} submissions in {small} can be regraded. {student(0)}: "
        "it was scored on another data file than the assignment has now."
    )
    assert not list(tmp_path.glob(".new*"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("dropped", "message", "remedy"),
    [
        (("ee1",), "There is no example 'ee1' in ", "Did you mean 'e1'?"),
        (("something",), "There is no example 'something' in ", "Its ids are such as 'e0'."),
        (("e0", "e1", "e2", "e3", "e4", "e5"), "All 6 examples of ", "Leave some in."),
    ],
)
def test_examples_that_cannot_be_dropped(
    dropped: tuple[str, ...], message: str, remedy: str, small: Path, loaded: LoadedAssignment, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        again(small, Rules(loaded=loaded, dropped=dropped), tmp_path / "new")
    assert str(caught.value).startswith(message)
    assert caught.value.remedy.startswith(remedy)


def test_a_used_output_and_folders_in_each_other_are_refused(
    small: Path, loaded: LoadedAssignment, tmp_path: Path
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("")
    for output, words in (
        (tmp_path / "used", "is there already"),
        (small / "inner", "lie in each other"),
        (tmp_path, "is there already"),
    ):
        with pytest.raises(ConfigError, match=words):
            again(small, Rules(loaded=loaded), output)
    with pytest.raises(ConfigError, match="is no run folder: there are no submissions in"):
        again(tmp_path / "used", Rules(loaded=loaded), tmp_path / "new")
    (tmp_path / "empty").mkdir()
    assert again(small, Rules(loaded=loaded), tmp_path / "empty").unchanged == SMALL


def test_borderline_scores_are_listed_the_nearest_first(run: Path, edit: Edit) -> None:
    scores = sorted((one.score.perplexity, key) for key, one in records(run).items() if one.score)
    value, who = scores[20]
    inside, outside = value / 1.004, value / 1.006
    done = again(run, Rules(loaded=edit(("public: 40.0", f"public: {inside:.6f}"))), None)
    near = next(one for one in done.near if one.id == who)
    assert (near.line, near.baseline, near.earned) == ("Public baseline", "public", False)
    assert near.distance == pytest.approx(0.004, abs=1e-6)
    assert [abs(one.distance) for one in done.near] == sorted(abs(one.distance) for one in done.near)
    assert done.tolerance == 0.005
    done = again(run, Rules(loaded=edit(("public: 40.0", f"public: {outside:.6f}"))), None)
    assert who not in {one.id for one in done.near if one.line == "Public baseline"}


def test_the_files_of_the_diff_say_what_was_returned(run: Path, edit: Edit, tmp_path: Path) -> None:
    (run / "submissions" / student(2) / "record.json").write_text("{}")
    done = again(run, Rules(loaded=edit(("public: 40.0", "public: 34.5"))), tmp_path / "new")
    told = json.loads((tmp_path / "new" / "diff.json").read_text(encoding="utf-8"))
    assert told["counts"] == {
        "up": 0,
        "down": len(done.moves),
        "unchanged": done.unchanged,
        "not_graded": 0,
        "left_out": 1,
    }
    assert told["left_out"][0]["id"] == student(2)
    assert [one["id"] for one in told["moved"]] == [one.id for one in done.moves]
    with (tmp_path / "new" / "diff.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], float(row["change"])) for row in rows] == [(one.id, one.change) for one in done.moves]
    assert rows[0]["why"] == "; ".join(done.moves[0].why)
    assert LeftOut(id=student(2), reason=told["left_out"][0]["reason"]) in done.left_out


def test_evidence_is_linked_or_copied(small: Path, loaded: LoadedAssignment, tmp_path: Path) -> None:
    again(small, Rules(loaded=loaded), tmp_path / "new")
    pair = [one / "submissions" / student(0) / "evidence" / "score.json" for one in (small, tmp_path / "new")]
    assert pair[0].samefile(pair[1])
    if Path("/dev/shm").stat().st_dev != tmp_path.stat().st_dev:
        other = Path("/dev/shm") / f"regrade-{os.getpid()}"
        try:
            again(small, Rules(loaded=loaded), other)
            copied = other / "submissions" / student(0) / "evidence" / "score.json"
            assert copied.read_bytes() == pair[0].read_bytes()
        finally:
            shutil.rmtree(other)
