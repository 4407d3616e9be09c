"""What a run's events add up to, and how that is shown, logged and told to Prometheus."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from harness.model.event import (
    Distrusted,
    Event,
    Interrupted,
    Planned,
    Recorded,
    Retrying,
    StageEnded,
    StageStarted,
    Waiting,
)
from harness.model.result import Fault, Outcome, Record, StageResult, StageStatus
from harness.report.event_log import EventLog
from harness.report.metrics import Metrics
from harness.report.run_state import RunState
from harness.report.run_summary import show_summary
from harness.report.run_view import RunView, clock_words, headline, stage_counts, under_way

FAULT = Fault(kind="EnvironmentFault", message="The engine is gone.", remedy="Start it.")


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> RunState:
    return RunState(clock)


def not_graded(record: Record, name: str) -> Record:
    submission = replace(record.submission, id=name)
    return replace(record, submission=submission, outcome=Outcome.NOT_GRADED, fault=FAULT, score=None, verdict=None)


def tell(state: RunState, clock: Clock, record: Record) -> None:
    """A run of ten, of which two were graded before: one done, one in a stage, one waiting."""
    state.on_event(Planned(submissions=tuple(f"s{number}" for number in range(8)), graded=2))
    for name in ("s0", "s1", "s2"):
        state.on_event(Waiting(submission=name, stage="fetch", lane="fetch"))
    state.on_event(StageStarted(submission="s0", stage="fetch", budget_s=60.0))
    clock.now += 30
    state.on_event(StageStarted(submission="s1", stage="fetch", budget_s=60.0))
    fetched = StageResult(stage="fetch", status=StageStatus.PASSED, summary="1 file", duration_s=30.0, budget_s=60.0)
    state.on_event(StageEnded(submission="s0", result=fetched))
    state.on_event(Recorded(record=replace(record, submission=replace(record.submission, id="s0"))))
    clock.now += 20


def test_counts(state: RunState, clock: Clock, record: Record) -> None:
    assert state.left_s is None
    tell(state, clock, record)
    assert (state.total, state.before, state.done) == (10, 2, 1)
    assert state.outcomes == {Outcome.FAILED: 1}
    assert state.codes == {"RUN003": 1}
    assert state.elapsed_s == 50.0
    assert state.left_s is None  # nobody has been through a run yet
    assert {name: (one.stage, one.running) for name, one in state.under_way.items()} == {
        "s1": ("fetch", True),
        "s2": ("fetch", False),
    }


def test_what_is_left_is_told_by_those_that_went_through_a_run(state: RunState, clock: Clock, record: Record) -> None:
    state.on_event(Planned(submissions=tuple(f"s{number}" for number in range(8)), graded=0))
    clock.now += 60
    for number in range(4):
        status = StageStatus.SKIPPED if number == 0 else StageStatus.PASSED
        ran = StageResult(stage="run", status=status, summary="", duration_s=1.0)
        state.on_event(StageEnded(submission=f"s{number}", result=ran))
        state.on_event(Recorded(record=replace(record, submission=replace(record.submission, id=f"s{number}"))))
        assert state.left_s == (60.0 if number == 3 else None)


def test_a_retry_is_counted_and_is_no_work_until_it_starts_again(state: RunState, clock: Clock, record: Record) -> None:
    tell(state, clock, record)
    state.on_event(Retrying(submission="s1", fault=FAULT, attempt=1, wait_s=2.0))
    assert state.retries == 1 and "s1" not in state.under_way and state.done == 1


@pytest.mark.parametrize("width", [80, 160])
def test_the_live_view(state: RunState, clock: Clock, record: Record, width: int) -> None:
    tell(state, clock, record)
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as seen:
        console.print(headline(state), stage_counts(state), under_way(state), sep="\n")
    lines = [line.rstrip() for line in seen.get().splitlines() if line.strip()]
    assert lines == [
        "3/10 · 2 graded before · 1 with errors · 0:00:50 gone",
        "found: RUN003 1x",
        "          fetch",
        " waiting      1",
        " running      1",
        " passed       1",
        " s1  fetch  0:00:20  of 0:01:00",
    ]


def test_many_at_work_are_cut(state: RunState) -> None:
    for number in range(20):
        state.on_event(StageStarted(submission=f"s{number}", stage="run", budget_s=None))
    console = Console(width=80, file=io.StringIO())
    with console.capture() as seen:
        console.print(under_way(state))
    assert "and 8 more" in seen.get()


def lines_of(*events: Event, state: RunState) -> list[str]:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    view = RunView(console, state)
    with console.capture() as seen, view.shown():
        for event in events:
            state.on_event(event)
            view.on_event(event)
    return seen.get().splitlines()


def test_lines_where_there_is_no_terminal(state: RunState, clock: Clock, record: Record) -> None:
    tell(state, clock, record)
    assert lines_of(
        Recorded(record=record),
        Recorded(record=not_graded(record, "s3")),
        Retrying(submission="s4", fault=FAULT, attempt=1, wait_s=2.0),
        Distrusted(submission="s5", why="/run/record.json is torn", place="/run/set-aside/s5.1"),
        Interrupted(now=False, left=4),
        Interrupted(now=True),
        state=state,
    ) == [
        "     4/10  r13921031    with errors  0/4  perplexity 12.500  1.6 s  RUN003",
        "     5/10  s3           not graded    1.6 s  The engine is gone.  RUN003",
        "s4: The engine is gone. Try 2 in 2 s.",
        "s5: /run/record.json is torn",
        "Moved to /run/set-aside/s5.1; graded again.",
        "Finishing what is under way, 4 will not be begun; press Ctrl-C again to end now.",
        "Ending now.",
    ]


def test_the_summary_says_who_was_not_graded_why_and_how_to_go_on(
    state: RunState, clock: Clock, record: Record
) -> None:
    tell(state, clock, record)
    for name in ("s1", "s2"):
        state.on_event(Recorded(record=not_graded(record, name)))
    console = Console(width=80, file=io.StringIO())
    with console.capture() as seen:
        show_summary(
            console,
            state,
            not_graded={"s1": FAULT, "s2": FAULT},
            stopped=FAULT,
            folder=Path("/runs/one"),
        )
    text = seen.get()
    assert "not graded: s1, s2\n  The engine is gone.\n  Start it.\n" in text
    assert "Stopped: one after another ended in a fault that is not theirs.\n" in text
    assert "7 left: harness grade --resume /runs/one\n" in text
    assert "0:00:50; grades.csv, records, evidence: /runs/one\n" in text


def test_the_log_is_a_json_object_a_line_and_quotes_no_student(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run" / "log.jsonl"
    stage = record.stages[1]
    hostile = replace(record, fault=replace(FAULT, message="one\ntwo \x1b[31m"), outcome=Outcome.NOT_GRADED)
    with EventLog(path, now=lambda: datetime(2026, 11, 21, tzinfo=UTC)) as log:
        log.on_event(Planned(submissions=("s0",), graded=0))
        log.on_event(StageEnded(submission="s0", result=stage))
        log.on_event(Recorded(record=hostile))
    planned, ended, recorded = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert planned == {
        "time": "2026-11-21T00:00:00.000+00:00",
        "event": "Planned",
        "submissions": ["s0"],
        "graded": 0,
    }
    assert (ended["stage"], ended["status"], ended["findings"]) == ("run", "failed", ["RUN003"])
    assert ended["receipt"]["peak_memory_bytes"] == 1000
    assert stage.findings[0].seen not in path.read_text(encoding="utf-8")
    assert "\x1b" not in recorded["fault"]


def test_the_figures_of_prometheus(tmp_path: Path, clock: Clock, record: Record) -> None:
    path = tmp_path / "run.prom"
    metrics = Metrics(path, clock=clock)
    metrics.on_event(Planned(submissions=("s0", "s1"), graded=1))
    first = path.read_text()
    assert "lora_harness_submissions_planned 3.0\n" in first
    metrics.on_event(Waiting(submission="s0", stage="run", lane="run"))
    metrics.on_event(StageStarted(submission="s0", stage="run", budget_s=None))
    metrics.on_event(StageEnded(submission="s0", result=record.stages[1]))
    metrics.on_event(Recorded(record=record))
    assert path.read_text() == first  # not at every event
    clock.now += 6
    metrics.on_event(Retrying(submission="s1", fault=FAULT, attempt=1, wait_s=1.0))
    text = path.read_text()
    for line in (
        'lora_harness_records_total{outcome="failed"} 1.0',
        'lora_harness_stage_running{stage="run"} 0.0',
        'lora_harness_stage_waiting{stage="run"} 0.0',
        'lora_harness_stage_seconds_sum{stage="run"} 1.5',
        'lora_harness_stages_total{stage="run",status="failed"} 1.0',
        'lora_harness_findings_total{code="RUN003"} 1.0',
        "lora_harness_retries_total 1.0",
    ):
        assert f"{line}\n" in text


def test_a_figure_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    Metrics(tmp_path / "missing" / "run.prom").on_event(Planned(submissions=(), graded=0))


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (0.4, "0:00:00"), (3725, "1:02:05"), (90_000, "1 day, 1:00:00")]
)
def test_clock(seconds: float | None, words: str) -> None:
    assert clock_words(seconds) == words
