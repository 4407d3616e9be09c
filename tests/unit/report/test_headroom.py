"""What the stages used of their budgets."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from harness.language import language
from harness.model.assignment import StageLimits, Stages
from harness.model.result import Record, StageResult, StageStatus
from harness.report.check_report import show_headroom
from harness.report.headroom import Headroom, headroom

LIMITS = StageLimits(timeout_s=60, memory_bytes=1_000, disk_bytes=10_000)
STAGES = Stages(fetch=LIMITS, render=LIMITS, run=LIMITS, score=LIMITS)


@pytest.fixture
def run(record: Record) -> StageResult:
    """The stage `run` of 60 s and its receipt."""
    return record.stages[1]


def used(record: Record, stage: StageResult, **known: object) -> Headroom | None:
    found = headroom(replace(record, stages=(stage,)), STAGES, **known)  # type: ignore[arg-type]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("duration_s", "memory_bytes", "words", "tight"),
    [
        (37.2, 310, "run used 62% of its time, 31% of its memory", False),
        (48.0, 800, "run used 80% of its time, 80% of its memory", False),
        (48.6, 100, "run used 81% of its time, 10% of its memory", True),
        (1.2, 801, "run used 2% of its time, 80% of its memory", True),
        (61.0, None, "run used 102% of its time", True),
        (0.1, 1, "run used under 1% of its time, under 1% of its memory", False),
    ],
)
def test_time_and_memory(
    record: Record, run: StageResult, duration_s: float, memory_bytes: int | None, words: str, tight: bool
) -> None:
    assert run.receipt is not None
    receipt = replace(run.receipt, duration_s=duration_s, peak_memory_bytes=memory_bytes)
    found = used(record, replace(run, receipt=receipt))
    assert found is not None
    assert (str(found.words), found.tight) == (words, tight)


def test_the_time_of_a_stage_without_a_program_is_its_own(record: Record, run: StageResult) -> None:
    found = used(record, replace(run, stage="score", receipt=None, duration_s=30.0))
    assert found is not None and str(found.words) == "score used 50% of its time"


def test_disk_and_the_gpus_memory_where_they_are_known(record: Record, run: StageResult) -> None:
    assert run.receipt is not None
    receipt = replace(run.receipt, peak_memory_bytes=None, gpu_uuid="GPU-aa", peak_vram_bytes=900)
    stage = replace(run, receipt=receipt)
    found = used(record, stage, disk_bytes={"run": 2_500}, vram_bytes={"GPU-aa": 1_000})
    assert found is not None and found.tight
    assert str(found.words) == "run used 2% of its time, 25% of its disk, 90% of the GPU's memory"
    other = used(record, stage, vram_bytes={"GPU-bb": 1_000})
    assert other is not None and str(other.words) == "run used 2% of its time"


def test_stages_without_a_budget_or_a_run_say_nothing(record: Record) -> None:
    intake, skipped = record.stages[0], record.stages[2]
    assert (intake.budget_s, skipped.status) == (None, StageStatus.SKIPPED)
    assert headroom(replace(record, stages=(intake, skipped)), STAGES) == ()


def test_a_tight_one_carries_a_mark(record: Record, run: StageResult) -> None:
    assert run.receipt is not None
    close = replace(run, receipt=replace(run.receipt, duration_s=55.0))
    found = headroom(replace(record, stages=(close, replace(run, stage="render"))), STAGES)
    show_headroom(found, Console(file=(out := StringIO()), width=80), language("en"))
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "Budgets",
        " ! run used 92% of its time, 100% of its memory",
        " ! render used 2% of its time, 100% of its memory",
    ]
    show_headroom(found, Console(file=(coloured := StringIO()), width=80, force_terminal=True), language("en"))
    assert "\x1b[1;33m! run used 92%" in coloured.getvalue()
