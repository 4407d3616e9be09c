"""A run grades everybody once and by one set of rules, whatever a student, a terminal or a disk does meanwhile."""

import json
import random
import shutil
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from benchmarks import simulated
from harness.batch.grade import grade_run, read_plan
from harness.batch.handed_in import with_submissions
from harness.batch.machine import Sizes
from harness.batch.regrade import regrade
from harness.batch.rejudge import Rules
from harness.errors import Cancelled, ConfigError, SandboxFault
from harness.model.event import Event, Interrupted, Recorded, Retrying, StageStarted
from harness.model.extension import Extension
from harness.model.parity import RECEIPT
from harness.model.result import Outcome
from harness.report.run_state import RunState
from harness.sandbox.interface import Job
from harness.schema.assignment import load_assignment
from harness.schema.run import read_run
from harness.similarity.fingerprints import fingerprints
from harness.similarity.matches import matches
from harness.similarity.tokens import tokens_of
from harness.stages.retries import Retries

from .conftest import School

MakeSchool = Callable[[int], School]
ONE_EACH = Sizes(fetch=1, cpu=1, run=1)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.batch.grade.PAUSES_S", (0.01, 0.01, 0.01))


def raising_at(kind: type[Event]) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        if isinstance(event, kind):
            raise OSError(28, "No space left on device")

    return tell


def test_a_view_that_cannot_write_costs_no_grade(make_school: MakeSchool) -> None:
    school, runs = make_school(6), Counter[str]()
    school.before = lambda submission, stage: runs.update([submission] if stage == "run" else [])
    tally = grade_run(school.plan, school.run_folder, on_event=raising_at(Recorded), sizes=ONE_EACH).tally
    assert set(runs.values()) == {1}
    assert tally.graded[Outcome.PASSED] == 6 and tally.exit_code == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_no_success(make_school: MakeSchool) -> None:
    school = make_school(30)

    def before(submission: str, stage: str) -> None:
        raise SandboxFault("The engine restarts.", remedy="Wait.")

    school.before = before
    tally = grade_run(school.plan, school.run_folder, on_event=raising_at(Retrying), sizes=ONE_EACH).tally
    assert tally.exit_code != 0


def test_the_wish_to_end_now_ends_though_the_terminal_is_gone(make_school: MakeSchool) -> None:
    school = make_school(3)
    school.seconds = lambda submission, stage: 3.0 if stage == "run" else 0.0
    began = time.monotonic()
    with pytest.raises((Cancelled, OSError)):
        grade_run(
            school.plan,
            school.run_folder,
            on_event=raising_at(Interrupted),
            presses=lambda: 2 if time.monotonic() > began + 1 else 0,
        )
    left = [one.name for one in threading.enumerate() if one.name.startswith("grade-")]
    assert left == []


def test_a_start_that_is_refused_changes_nothing(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(2)
    school.grade()
    before = read_run(school.run_folder / "run.json")
    other = tmp_path / "other" / "r00000001"
    shutil.copytree(tmp_path / "handed-in" / "r00000001", other)
    school.plan = with_submissions(school.plan, (other,), run_folder=school.run_folder)
    with pytest.raises(ConfigError, match="Graded already"):
        school.grade()
    assert read_run(school.run_folder / "run.json") == before


def test_resume_fetches_again_as_the_run_was_begun(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(1)
    school.plan = replace(school.plan, downloads=tmp_path / "downloads", fetch_again=True)
    school.grade()
    assert read_plan(school.run_folder).fetch_again


@pytest.mark.parametrize("what", ["empty folder", "receipt"])
def test_what_the_digest_leaves_out_spoils_nobodys_replay(
    make_school: MakeSchool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    school = make_school(8)
    first = tmp_path / "handed-in" / "r00000000"
    if what == "empty folder":
        (first / "adapter_checkpoint").mkdir()
    else:
        (first / RECEIPT).write_text("{}")

    def fetch(job: Job) -> None:
        tree = next(one.source for one in job.mounts if one.target == "/submission")
        (tree / RECEIPT).unlink(missing_ok=True)  # rm -f *.json
        shutil.copytree(tree / "brought" / "adapter_checkpoint", tree / "adapter_checkpoint", dirs_exist_ok=True)

    monkeypatch.setitem(simulated._WRITES, "fetch", fetch)
    archives = []
    for folder in sorted((tmp_path / "handed-in").iterdir()):
        archives.append(tmp_path / f"{folder.name}.tar")
        with tarfile.open(archives[-1], "w") as tar:
            tar.add(folder, arcname=folder.name)
    school.plan = replace(school.plan, downloads=tmp_path / "downloads")
    for run, handed_in in (("earlier", archives[:1]), ("run", archives[1:])):
        school.run_folder = tmp_path / run
        school.plan = with_submissions(school.plan, handed_in, run_folder=school.run_folder)
        if run == "earlier":
            school.grade()
    tally = school.grade(sizes=ONE_EACH).tally
    assert tally.stopped is None and tally.graded[Outcome.PASSED] == 7


def test_a_try_that_is_made_again_is_not_counted_as_done(make_school: MakeSchool) -> None:
    school, tries, state = make_school(2), Counter[str](), RunState()

    def before(submission: str, stage: str) -> None:
        tries[submission] += stage == "run"
        if stage == "run" and tries[submission] < 4:
            raise SandboxFault("The engine is gone.", remedy="Start it.")

    school.before = before
    grade_run(school.plan, school.run_folder, on_event=state.on_event)
    assert (state.done, state.total) == (2, 2)


def test_forged_host_faults_hold_no_place_while_they_wait(
    make_school: MakeSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    school, third, waits = make_school(3), threading.Event(), list[bool]()

    def fetch(job: Job) -> None:
        tree = next(one.source for one in job.mounts if one.target == "/submission")
        if job.log_dir.parent.name == "r00000002":
            shutil.copytree(tree / "brought" / "adapter_checkpoint", tree / "adapter_checkpoint")
            return
        (tree / "adapter_checkpoint").mkdir()
        (tree / "adapter_checkpoint" / "adapter_model.safetensors").write_text("<html><head><title>503</title>")

    monkeypatch.setitem(simulated._WRITES, "fetch", fetch)
    # A wait ends when the third has begun: if the first two kept their places meanwhile, it never would.
    retries = Retries(sleep=lambda _: waits.append(third.wait(20)))
    monkeypatch.setattr("harness.batch.graders.Retries", lambda **_: retries)

    def tell(event: Event) -> None:
        if isinstance(event, StageStarted) and (event.submission, event.stage) == ("r00000002", "fetch"):
            third.set()

    grade_run(school.plan, school.run_folder, on_event=tell, sizes=Sizes(fetch=2))
    assert waits == [True] * 2 * (retries.tries - 1)


def test_a_second_regrade_keeps_what_the_first_gave(
    make_school: MakeSchool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school, real = make_school(1), simulated._run

    def run(job: Job) -> None:
        real(job)
        path = next(one.source for one in job.mounts if one.target == "/output") / "predictions.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        rows[0]["output"] = ""
        path.write_text(json.dumps(rows), encoding="utf-8")

    monkeypatch.setitem(simulated._WRITES, "run", run)
    school.grade()
    loaded = load_assignment(school.plan.assignment_path)
    first = regrade(
        school.run_folder, Rules(loaded=loaded, dropped=(school.plan.examples[0].id,)), output=tmp_path / "first"
    )
    assert [one.change > 0 for one in first.moves] == [True]
    second = regrade(tmp_path / "first", Rules(loaded=loaded), output=tmp_path / "second")
    assert second.moves == ()  # is: Runs end to end: 4 -> 0 (predictions are not valid)


def test_an_extension_that_a_new_zone_cannot_read_costs_one_record_alone(
    make_school: MakeSchool, tmp_path: Path
) -> None:
    school = make_school(2)
    extension = Extension(id="r00000001", until="2027-03-14T02:30")
    times = datetime.fromisoformat("2027-03-10T00:00:00+08:00")
    school.plan = replace(
        school.plan,
        submissions=tuple(
            replace(one, submitted_at=times, extension=extension if one.id == extension.id else None)
            for one in school.plan.submissions
        ),
    )
    school.grade()
    folder = tmp_path / "assignment"
    shutil.copytree(school.plan.assignment_path, folder)
    text = yaml.safe_load((folder / "assignment.yaml").read_text(encoding="utf-8"))
    text["late"]["zone"] = "America/New_York"
    (folder / "assignment.yaml").write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")
    done = regrade(school.run_folder, Rules(loaded=load_assignment(folder)), output=tmp_path / "new")
    assert [one.id for one in done.left_out] == ["r00000001"]


def test_a_regrade_tells_who_was_never_graded(make_school: MakeSchool, tmp_path: Path) -> None:
    school = make_school(3)
    school.grade()
    shutil.rmtree(school.run_folder / "submissions" / "r00000002")  # as after Ctrl-C: in run.json, not begun
    done = regrade(school.run_folder, Rules(loaded=load_assignment(school.plan.assignment_path)), output=None)
    assert "r00000002" in (*done.not_graded, *(one.id for one in done.left_out))


def test_code_that_repeats_itself_does_not_hold_up_a_comparison() -> None:
    chance = random.Random(1)
    period = "".join(chance.choice("()[]{};:,.+-*/%^&|<>=@") for _ in range(50))
    tokens = {"a.py": tokens_of("a.py", period * 80)}
    prints = fingerprints(tokens)
    began = time.monotonic()
    matches(tokens, tokens, shared=(prints, prints))
    assert time.monotonic() - began < 0.5


def test_a_wish_to_end_before_the_first_begins_nothing(make_school: MakeSchool) -> None:
    school = make_school(20)
    assert school.grade(presses=lambda: 1).tally.graded[Outcome.PASSED] == 0


def test_another_base_model_under_the_same_name_is_refused(make_school: MakeSchool) -> None:
    school = make_school(2)
    school.grade()
    weights = school.plan.base_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\x80\x3f")
    shutil.rmtree(school.run_folder / "submissions" / "r00000001")
    school.plan = read_plan(school.run_folder)
    with pytest.raises(ConfigError, match="base model's files"):
        school.grade(resume=True)
