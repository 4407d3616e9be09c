"""A run of many: everything real but the programs, which only take time."""

import csv
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.batch import engine
from harness.batch.handed_in import submissions_in, with_dates, with_submissions
from harness.batch.machine import Sizes
from harness.errors import Cancelled, ConfigError, EnvironmentFault
from harness.model.event import Interrupted, Planned, Recorded, Retrying
from harness.model.result import Outcome, Record, RegradedFrom
from harness.schema.record import read_record

from .conftest import School

MakeSchool = Callable[[int], School]


def records(school: School) -> dict[str, Record]:
    found = (school.run_folder / "submissions").glob("*/record.json")
    return {path.parent.name: read_record(path) for path in found}


def ended(school: School) -> list[str]:
    return [one.record.submission.id for one in school.events if isinstance(one, Recorded)]


def test_all_are_graded_and_nothing_is_left(make_school: MakeSchool) -> None:
    school = make_school(5)
    threads = threading.active_count()
    graded = school.grade()
    assert graded.tally.graded == {Outcome.PASSED: 5, Outcome.FAILED: 0}
    assert graded.tally.exit_code == 0
    assert {one.outcome for one in records(school).values()} == {Outcome.PASSED}
    assert sorted(ended(school)) == sorted(one.id for one in school.plan.submissions)
    assert sorted(one.name for one in school.run_folder.iterdir()) == [
        "grades.csv",
        "lock",
        "log.jsonl",
        "run.json",
        "scorer",
        "submissions",
    ]
    assert threading.active_count() == threads


def test_the_log_tells_every_stage(make_school: MakeSchool) -> None:
    school = make_school(2)
    school.grade()
    lines = [json.loads(line) for line in (school.run_folder / "log.jsonl").read_text().splitlines()]
    assert lines[0]["event"] == "Planned"
    stages = Counter((one["submission"], one["stage"]) for one in lines if one["event"] == "StageEnded")
    assert set(stages.values()) == {1} and len(stages) == 16
    assert all(one["time"].endswith("+00:00") for one in lines)
    last = [one for one in lines if one["event"] == "Recorded"]
    assert [one["outcome"] for one in last] == ["passed", "passed"]


def test_stages_of_different_submissions_overlap_within_their_lanes(make_school: MakeSchool) -> None:
    school = make_school(8)
    school.seconds = lambda submission, stage: {"fetch": 0.4, "run": 0.1}.get(stage, 0.0)
    began = time.monotonic()
    school.grade(sizes=Sizes(fetch=4, cpu=2, run=2))
    took = time.monotonic() - began
    most = school.sandboxes[0].most
    assert most["fetch"] == 4 and most["run"] <= 2 and most["score"] == 1
    assert took < 8 * 0.5  # one after the other


def test_a_slow_download_holds_up_nobody_but_downloads(make_school: MakeSchool) -> None:
    school = make_school(6)
    slow = school.plan.submissions[0].id
    school.seconds = lambda submission, stage: 3.0 if (submission, stage) == (slow, "fetch") else 0.0
    school.grade(sizes=Sizes(fetch=2, cpu=1, run=1))
    assert ended(school)[-1] == slow
    lines = [json.loads(line) for line in (school.run_folder / "log.jsonl").read_text().splitlines()]
    times = {one["submission"]: one["time"] for one in lines if one["event"] == "Recorded"}
    others = max(when for name, when in times.items() if name != slow)
    assert others < times[slow]


def test_a_fault_that_passes_is_tried_again_and_costs_nobody_anything(
    make_school: MakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = make_school(3)
    monkeypatch.setattr("harness.batch.grade.PAUSES_S", (0.01, 0.01))
    broken = Counter[str]()

    def before(submission: str, stage: str) -> None:
        if stage == "run" and broken[submission] < 2:
            broken[submission] += 1
            raise EnvironmentFault("The engine is gone.", remedy="Start it.")

    school.before = before
    tally = school.grade().tally
    assert tally.graded[Outcome.PASSED] == 3 and not tally.not_graded
    retries = [one for one in school.events if isinstance(one, Retrying)]
    assert [one.fault.message for one in retries] == ["The engine is gone."] * 6
    assert Counter(one.attempt for one in retries) == {1: 3, 2: 3}
    assert {one.outcome for one in records(school).values()} == {Outcome.PASSED}
    assert sorted(ended(school)) == sorted(one.id for one in school.plan.submissions)


def test_a_fault_that_stays_is_not_graded_and_resume_grades_just_that(
    make_school: MakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = make_school(4)
    monkeypatch.setattr("harness.batch.grade.PAUSES_S", (0.01,))
    unlucky = school.plan.submissions[1].id

    def before(submission: str, stage: str) -> None:
        if (submission, stage) == (unlucky, "fetch"):
            raise EnvironmentFault("The host is gone.", remedy="Wait.")

    school.before = before
    tally = school.grade().tally
    assert list(tally.not_graded) == [unlucky]
    assert tally.exit_code == 4
    record = records(school)[unlucky]
    assert record.outcome is Outcome.NOT_GRADED and record.verdict is None
    assert record.fault is not None and record.fault.message == "The host is gone."
    written = {
        name: (school.run_folder / "submissions" / name / "record.json").stat().st_mtime_ns for name in records(school)
    }
    school.before = lambda submission, stage: None
    school.events.clear()
    assert school.grade(resume=True).tally.graded[Outcome.PASSED] == 1
    assert school.events[0] == Planned(submissions=(unlucky,), graded=3)
    assert ended(school) == [unlucky]
    now = {
        name: (school.run_folder / "submissions" / name / "record.json").stat().st_mtime_ns for name in records(school)
    }
    assert {name for name in now if now[name] != written[name]} == {unlucky}


def test_one_fault_after_another_stops_the_run(make_school: MakeSchool, monkeypatch: pytest.MonkeyPatch) -> None:
    school = make_school(12)
    monkeypatch.setattr("harness.batch.grade.PAUSES_S", ())

    def before(submission: str, stage: str) -> None:
        raise EnvironmentFault("The disk is full.", remedy="Free some.")

    school.before = before
    tally = school.grade(sizes=Sizes(fetch=1, cpu=1, run=1)).tally
    assert tally.stopped is not None and tally.stopped.message == "The disk is full."
    assert engine.FAULTS_IN_A_ROW <= len(tally.not_graded) < 12
    assert tally.exit_code == 4
    school.before = lambda submission, stage: None
    tally = school.grade(resume=True).tally
    assert tally.graded[Outcome.PASSED] == 12 and tally.stopped is None


def test_a_bug_in_one_submission_is_its_own_fault_record(make_school: MakeSchool) -> None:
    school = make_school(2)
    unlucky = school.plan.submissions[0].id

    def before(submission: str, stage: str) -> None:
        if (submission, stage) == (unlucky, "run"):
            raise ZeroDivisionError("division by zero")

    school.before = before
    tally = school.grade().tally
    assert tally.graded[Outcome.PASSED] == 1 and list(tally.not_graded) == [unlucky]
    assert tally.exit_code == 70
    fault = records(school)[unlucky].fault
    assert fault is not None and fault.kind == "Bug"
    assert fault.message == "A bug of the grader in stage run: ZeroDivisionError: division by zero."


def test_the_first_wish_to_end_finishes_what_is_under_way(make_school: MakeSchool) -> None:
    school = make_school(10)
    school.seconds = lambda submission, stage: 0.3 if stage == "run" else 0.0
    tally = school.grade(sizes=Sizes(fetch=1, cpu=1, run=1), presses=lambda: int(bool(ended(school)))).tally
    assert tally.interrupted
    (told,) = (one for one in school.events if isinstance(one, Interrupted))
    assert not told.now and 0 < told.left < 10
    done = len(records(school))
    assert 1 <= done < 10 and tally.graded[Outcome.PASSED] == done
    tally = school.grade(resume=True).tally
    assert tally.graded[Outcome.PASSED] == 10 - done
    assert len(records(school)) == 10
    assert len(set(ended(school))) == len(ended(school)) == 10


def test_the_second_wish_ends_at_once_and_records_nothing_half_done(make_school: MakeSchool) -> None:
    school = make_school(3)
    school.seconds = lambda submission, stage: 60.0 if stage == "run" else 0.0
    began = time.monotonic()
    with pytest.raises(Cancelled):
        school.grade(presses=lambda: 2 if time.monotonic() > began + 2 else 0)
    assert time.monotonic() - began < 10
    assert not records(school)
    assert not (school.run_folder / "scratch").exists() and not (school.run_folder / "adapters").exists()
    school.seconds = lambda submission, stage: 0.0
    assert school.grade(resume=True).tally.graded[Outcome.PASSED] == 3


def test_what_is_graded_is_not_graded_again(make_school: MakeSchool) -> None:
    school = make_school(2)
    school.grade()
    with pytest.raises(ConfigError, match=r"Graded already in .*: r00000000, r00000001\.") as caught:
        school.grade()
    assert "--resume" in caught.value.remedy


def test_late_hand_ins_join_the_run(make_school: MakeSchool) -> None:
    school = make_school(3)
    everything = school.plan
    sources = [one.source for one in everything.submissions]
    school.plan = with_submissions(everything, sources[:2], run_folder=school.run_folder)
    school.grade()
    school.plan = with_submissions(everything, sources[2:], run_folder=school.run_folder)
    run = school.grade().run
    assert [one.id for one in run.submissions] == ["r00000000", "r00000001", "r00000002"]
    assert len(records(school)) == 3


def test_a_spoiled_record_is_told_and_graded_again(make_school: MakeSchool) -> None:
    school = make_school(2)
    school.grade()
    path = school.run_folder / "submissions" / "r00000001" / "record.json"
    path.write_bytes(path.read_bytes()[:200])
    school.events.clear()
    assert school.grade(resume=True).tally.graded[Outcome.PASSED] == 1
    assert "torn" in getattr(school.events[0], "why", "")
    assert (school.run_folder / "set-aside" / "r00000001.1" / "record.json").stat().st_size == 200
    assert len(records(school)) == 2


def test_the_grades_are_a_table_of_all_that_is_recorded(make_school: MakeSchool) -> None:
    school = make_school(3)
    unlucky = school.plan.submissions[1].id
    broken = [True]

    def before(submission: str, stage: str) -> None:
        if submission == unlucky and broken[0]:
            raise ConfigError("=no such command", remedy="Mend it.")

    school.before = before
    school.grade()
    rows = list(csv.DictReader((school.run_folder / "grades.csv").read_text().splitlines()))
    assert [(one["id"], one["outcome"], one["total"], one["not_graded_because"]) for one in rows] == [
        ("r00000000", "passed", "10.0", ""),
        (unlucky, "not_graded", "", "'=no such command"),
        ("r00000002", "passed", "10.0", ""),
    ]
    broken[0] = False
    school.grade(resume=True)
    rows = list(csv.DictReader((school.run_folder / "grades.csv").read_text().splitlines()))
    assert [one["outcome"] for one in rows] == ["passed"] * 3


def test_a_total_that_its_lines_do_not_give_is_told(make_school: MakeSchool) -> None:
    school = make_school(1)
    school.grade()
    path = school.run_folder / "submissions" / "r00000000" / "record.json"
    path.write_text(path.read_text().replace('"total": 10.0', '"total": 9.0'))
    school.events.clear()
    school.grade(resume=True)
    assert "its lines give 10 points, and its total says 9" in getattr(school.events[0], "why", "")


def test_a_folder_of_hand_ins(tmp_path: Path) -> None:
    for name in ("r1.zip", "r2.tar.gz", "notes.csv", "r3.rar", ".hidden.zip"):
        (tmp_path / name).write_text("")
    (tmp_path / "r4" / "code").mkdir(parents=True)
    (tmp_path / "Mei_123_assignsubmission_file_").mkdir()
    (tmp_path / "Mei_123_assignsubmission_file_" / "r5.zip").write_text("")
    found = submissions_in(tmp_path)
    assert [one.name for one in found.submissions] == ["r5.zip", "r1.zip", "r2.tar.gz", "r4"]
    assert found.others == ("notes.csv", "r3.rar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no submission"):
        submissions_in(tmp_path / "empty")


def test_a_link_is_called_by_its_own_name(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(1)
    link = tmp_path / "r13920013"
    link.symlink_to(school.plan.submissions[0].source)
    (one,) = with_submissions(school.plan, [link], run_folder=school.run_folder).submissions
    assert one.id == "r13920013"


def test_only_a_folder_that_is_checked_is_a_draft(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(1)
    folder = school.plan.submissions[0].source
    archive = Path(shutil.make_archive(str(tmp_path / "r13920013"), "zip", folder))
    bare = tmp_path / "r13920014"
    for name in ("objects", "refs"):
        (bare / name).mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")

    def drafts(*sources: Path, checked: bool) -> list[bool]:
        plan = with_submissions(school.plan, sources, run_folder=school.run_folder, checked=checked)
        return [one.draft for one in plan.submissions]

    assert drafts(folder, archive, bare, checked=True) == [True, False, False]
    assert drafts(Path(f"file://{folder}#main"), checked=True) == [False]
    assert drafts(folder, archive, bare, checked=False) == [False, False, False]


def test_dates_go_by_ids_whatever_their_case_and_tell_what_fits_nobody(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(3)
    times = tmp_path / "times.csv"
    times.write_text(
        "id,submitted_at\nR00000000,2026-12-31 20:00\nr99999999,2026-12-31 20:00\nr00000007,2026-12-31 20:00\n"
    )
    said: list[str] = []
    dated = with_dates(school.plan, times=times, extensions=None, graded_before=["r00000007"], tell=said.append)
    assert [one.submitted_at is None for one in dated.submissions] == [False, True, True]
    assert said == [
        f"1 in {times} but not handed in: r99999999",
        f"2 without a time in {times}, counted as on time: r00000001, r00000002",
    ]


def test_two_with_one_id_are_refused_with_both_names(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(1)
    twins = [tmp_path / f"r13921031_{word}" for word in ("first", "second")]
    for twin in twins:
        twin.mkdir()
    with pytest.raises(ConfigError) as caught:
        with_submissions(school.plan, twins, run_folder=school.run_folder)
    assert str(caught.value) == "More than one submission of:\n  r13921031: r13921031_first, r13921031_second"


def test_resume_refuses_to_count_all_examples_beside_records_that_leave_some_out(make_school: MakeSchool) -> None:
    school = make_school(2)
    graded = school.grade()
    first, second = school.plan.submissions
    record = records(school)[first.id]
    came_from = RegradedFrom(record_sha256="0" * 64, graded_at=record.graded_at, dropped_examples=("e1",))
    graded.store.write(replace(record, regraded_from=came_from))
    assert school.grade(resume=True).tally.exit_code == 0, "nothing is left to grade"
    shutil.rmtree(school.run_folder / "submissions" / second.id)
    with pytest.raises(ConfigError, match="leave out e1; grading here would count all examples"):
        school.grade(resume=True)
