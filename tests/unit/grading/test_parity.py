"""Each kind of difference between a check and a grading, by tables; the words are those that a student reads."""

from dataclasses import replace

import pytest

from harness.grading.parity import differences
from harness.model.finding import Severity
from harness.model.parity import Parity, ParityFile
from harness.model.result import Fault, Outcome, Receipt, Record, StageResult, StageStatus
from harness.stages.parity import receipt_of

A, B = "a" * 64, "b" * 64
FILES = tuple(ParityFile(path=f"f{number}.py", kind="-", sha256=A) for number in range(6))


@pytest.fixture
def passed(record: Record) -> Record:
    """A grading that took a while in each stage."""
    used = Receipt(
        cause="exited",
        exit_code=0,
        signal=None,
        duration_s=40.0,
        peak_memory_bytes=1_000_000_000,
        sandbox="docker",
        image_id=record.image_id,
        peak_vram_bytes=2_000_000_000,
    )
    stages = tuple(
        StageResult(stage=name, status=StageStatus.PASSED, summary="", duration_s=40.0, budget_s=600.0, receipt=used)
        for name in ("intake", "fetch", "admit", "render", "run", "validate", "score")
    )
    return replace(record, outcome=Outcome.PASSED, stages=stages)


@pytest.fixture
def receipt(passed: Record) -> Parity:
    return receipt_of(passed, files=FILES, packages={"torch": "2.13.0"})


def said(receipt: Parity, record: Record, files: tuple[ParityFile, ...] = FILES) -> list[tuple[str, str]]:
    found = differences(receipt, record, files=files)
    assert all(one.severity is Severity.INFO for one in found)
    return [(one.code, one.seen) for one in found]


def test_nothing_differs(receipt: Parity, passed: Record) -> None:
    assert said(receipt, passed) == []


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (
            A,
            B,
            "Your check used another adapter (SHA-256 aaaaaaaaaaaa…) than the one download.sh brought now "
            "(SHA-256 bbbbbbbbbbbb…).",
        ),
        (A, None, "Your check used an adapter (SHA-256 aaaaaaaaaaaa…); here none was admitted."),
        (None, B, "Your check had no adapter that was admitted; download.sh now brought SHA-256 bbbbbbbbbbbb…."),
    ],
)
def test_another_adapter(receipt: Parity, passed: Record, before: str | None, now: str | None, words: str) -> None:
    record = replace(passed, submission=replace(passed.submission, adapter_sha256=now))
    assert said(replace(receipt, adapter_sha256=before), record) == [("PAR002", words)]


def test_changed_files_are_counted_and_named(receipt: Parity, passed: Record) -> None:
    now = (
        *(replace(one, sha256=B) for one in FILES[:4]),
        replace(FILES[4], kind="x"),
        ParityFile(path="new.py", kind="-", sha256=A),
    )
    record = replace(passed, submission=replace(passed.submission, tree_sha256=B))
    words = (
        "Since your check: 4 changed (`f0.py`, `f1.py`, `f2.py` and 1 more); 1 only the x-bit differs (`f4.py`); "
        "1 new (`new.py`); 1 not handed in (`f5.py`)."
    )
    assert said(receipt, record, now) == [("PAR003", words)]
    unknown = "The files that were handed in are not those of your check; which differ is not known."
    assert said(receipt, record, ()) == said(replace(receipt, files=()), record, now) == [("PAR003", unknown)]
    lied = "Since your check: something that its list of files does not show."
    assert said(receipt, record) == [("PAR003", lied)]


def test_another_image_or_none(receipt: Parity, passed: Record) -> None:
    now = "the image 000000000000"
    for before, words in (("sha256:" + A, "the image aaaaaaaaaaaa"), (None, "no container")):
        assert said(replace(receipt, image_id=before), passed) == [
            ("PAR004", f"Your check ran in {words}; this ran in {now}.")
        ]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"assignment": "other"}, "Your check was of `other`."),
        ({"base_model": "Qwen3-4B"}, "Your check was on the base model `Qwen3-4B`."),
        (
            {"assignment_sha256": A},
            "The assignment's file was another one in your check: its rules may have changed since.",
        ),
    ],
)
def test_another_assignment(receipt: Parity, passed: Record, changed: dict[str, str], words: str) -> None:
    assert said(replace(receipt, **changed), passed) == [("PAR005", words)]


@pytest.mark.parametrize(
    ("before_s", "now_s", "words"),
    [
        (40.0, 124.0, "run took 3.1x as long as in your check (40 s, now 124 s)."),
        (0.0, 11.0, "run took 110.0x as long as in your check (0 s, now 11 s)."),
        (40.0, 79.0, None),
        (1.0, 10.0, None),
        (124.0, 40.0, None),
    ],
)
def test_time(receipt: Parity, passed: Record, before_s: float, now_s: float, words: str | None) -> None:
    before = replace(
        receipt, stages=tuple(replace(one, duration_s=before_s) for one in receipt.stages if one.stage == "run")
    )
    now = replace(passed, stages=tuple(replace(one, duration_s=now_s) for one in passed.stages))
    assert said(before, now) == ([("PAR006", words)] if words else [])
    failed = replace(before, stages=tuple(replace(one, status=StageStatus.FAILED) for one in before.stages))
    assert said(failed, now) == []


def test_memory_and_the_number_of_examples(receipt: Parity, passed: Record) -> None:
    before = replace(
        receipt,
        examples=8,
        stages=tuple(
            replace(one, peak_memory_bytes=400_000_000, peak_vram_bytes=900_000_000)
            for one in receipt.stages
            if one.stage == "run"
        ),
    )
    assert said(before, passed) == [
        ("PAR006", "run used 2.5x the memory of your check (400 MB, now 1000 MB; 8 examples then, 40 now)."),
        ("PAR006", "run used 2.2x the GPU memory of your check (900 MB, now 2000 MB; 8 examples then, 40 now)."),
    ]


def test_another_result(receipt: Parity, passed: Record) -> None:
    failed = replace(
        passed,
        outcome=Outcome.FAILED,
        stages=tuple(replace(one, status=StageStatus.FAILED) if one.stage == "run" else one for one in passed.stages),
    )
    words = "Your check passed; this grading found errors (run passed, now failed)."
    assert said(receipt, failed) == [("PAR007", words)]
    again = replace(receipt, perplexity=12.0)
    assert said(again, passed) == [
        ("PAR007", "The perplexity on the same data was 12.000 in your check and is 12.500.")
    ]
    assert said(replace(again, data_sha256=A), passed) == []
    assert said(replace(receipt, perplexity=12.45), passed) == []


def test_a_fault_of_ours_compares_nothing(receipt: Parity, passed: Record, fault: Fault) -> None:
    assert said(replace(receipt, adapter_sha256=A), replace(passed, fault=fault)) == []
