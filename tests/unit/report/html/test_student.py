"""What is put on a student's page for whom."""

from dataclasses import replace

from harness.model.assignment import Example
from harness.model.finding import finding
from harness.model.result import Evidence as File
from harness.model.result import ExampleScore, Record
from harness.report.html.logs import Log
from harness.report.html.student import MOST_UNKNOWN, Evidence, student_page
from harness.report.html.tally import Tally
from harness.report.html.views import Audience, StudentPage


def score(name: str, perplexity: float) -> ExampleScore:
    return ExampleScore(id=name, tokens=10, nll_nats=1.0, perplexity=perplexity)


LOGS = tuple(
    Log(path=f"logs/{name}.log", size_bytes=1, head="x", tail="", left_out_bytes=0, codes=0)
    for name in ("fetch.stderr", "run.stderr")
)
EVIDENCE = Evidence(
    base=(score("e1", 40.0), score("e2", 30.0), score("e3", 9.0)),
    adapter=(score("e1", 10.0), score("e2", 31.0), score("e3", 1.0)),
    dropped=("e3",),
    examples=(
        Example(id="e1", instruction="in 1", output="ref 1"),
        Example(id="e2", instruction="in 2", output="ref 2"),
    ),
    predictions={"e1": "out 1", **{f"u{number}": "junk" for number in range(100)}},
    chrf={"e1": 50.0},
    logs=LOGS,
)


def page(record: Record, audience: Audience) -> StudentPage:
    kept = tuple(File(path=one.path, sha256="0" * 64) for one in LOGS)
    record = replace(record, evidence=kept)
    return student_page(record, EVIDENCE, row=Tally().add(record, page="p.html"), audience=audience)


def test_the_staff_see_texts_side_by_side(record: Record) -> None:
    seen = page(record, "staff")
    first = seen.examples[0]
    assert (first.instruction, first.reference, first.prediction) == ("in 1", "ref 1", "out 1")
    assert (first.base_perplexity, first.perplexity, first.chrf, first.tokens) == (40.0, 10.0, 50.0, 10)
    assert seen.examples[1].prediction is None
    assert [one.dropped for one in seen.examples[:3]] == [False, False, True]
    assert len(seen.examples) == 3 + MOST_UNKNOWN, "predictions that nobody asked for are few"
    assert len(seen.logs) == 2


def test_students_see_no_examples_of_private_data(record: Record) -> None:
    seen = page(record, "public")
    assert seen.examples == ()
    assert [one.path for one in seen.logs] == ["logs/fetch.stderr.log"]
    assert seen.per_example is not None and seen.per_example.plot is not None


def test_students_see_figures_of_public_data_without_texts(record: Record) -> None:
    seen = page(replace(record, assignment=replace(record.assignment, split="public")), "public")
    assert [one.id for one in seen.examples] == ["e1", "e2", "e3"]
    assert not any(text for one in seen.examples for text in (one.instruction, one.reference, one.prediction, one.chrf))
    assert len(seen.logs) == 2


def test_examples_that_are_left_out_do_not_count(record: Record) -> None:
    each = page(record, "staff").per_example
    assert each is not None
    assert (each.better, each.adapter.count, each.adapter.median, each.base.most) == (1, 2, 20.5, 40.0)


def test_findings_come_errors_first_and_the_check_apart(record: Record) -> None:
    found = tuple(finding(code, "x") for code in ("INT013", "PAR002", "RUN003"))
    stage = replace(record.stages[1], findings=found)
    seen = page(replace(record, stages=(stage,)), "staff")
    assert [one.code for one in seen.findings] == ["RUN003", "INT013"]
    assert [one.code for one in seen.parity] == ["PAR002"]
