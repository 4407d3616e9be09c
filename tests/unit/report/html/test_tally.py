"""A run in figures."""

from dataclasses import replace

from harness.model.finding import finding
from harness.model.result import Outcome, Record, StageStatus
from harness.report.html.rows import Standing
from harness.report.html.tally import Tally


def test_records_are_counted(record: Record) -> None:
    tally = Tally()
    tally.add(record, page="a.html")
    tally.add(replace(record, outcome=Outcome.PASSED, score=None, verdict=None), page="b.html")
    tally.add_other("c", Standing.MISSING, page="c.html")
    assert {one.value: count for one, count in tally.standings.items()} == {
        "passed": 1,
        "failed": 1,
        "not_graded": 0,
        "untrusted": 0,
        "missing": 1,
    }
    assert tally.perplexities == [12.5]
    assert tally.totals == [0.0]
    assert tally.possible == 4.0


def test_a_row_says_it_in_short(record: Record) -> None:
    assert record.verdict is not None
    late = replace(record.verdict, late_penalty=1.0, late_tokens=2, late_reason="late")
    stage = replace(record.stages[1], findings=tuple(finding(code, "x") for code in ("RUN003", "RUN003", "INT013")))
    row = Tally().add(replace(record, verdict=late, stages=(*record.stages[:1], stage)), page="a.html")
    assert (row.errors, row.notes) == (("RUN003",), ("INT013",))
    assert (row.late_penalty, row.late_tokens, row.late_reason) == (1.0, 2, "late")
    assert row.duration_s == 1.6


def test_stages_that_did_not_run_have_no_times(record: Record) -> None:
    tally = Tally()
    tally.add(record, page="a.html")
    intake, run, validate = tally.stages
    assert intake.memory_bytes is None and intake.budget_s is None
    assert run.duration_s is not None and run.duration_s.median == 1.5
    assert run.budget_s == 60.0
    assert run.memory_bytes is not None and run.memory_bytes.most == 1000
    assert validate.duration_s is None
    assert validate.ended[StageStatus.SKIPPED] == 1


def test_findings_are_counted_once_a_submission(record: Record) -> None:
    tally = Tally()
    twice = replace(record.stages[1], findings=(finding("RUN003", "x"), finding("RUN003", "y"), finding("INT013", "z")))
    tally.add(replace(record, stages=(twice,)), page="a.html")
    tally.add(record, page="b.html")
    assert [(one.code, one.severity, one.submissions) for one in tally.findings] == [
        ("RUN003", "error", 2),
        ("INT013", "warning", 1),
    ]
