"""Pages as text: the policy fits what is in them, and lone surrogates or odd ids break nothing."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest

from harness.language import language
from harness.model.finding import Severity, finding
from harness.model.result import Fault, Outcome, Record, StageResult
from harness.report.html.overview import overview
from harness.report.html.rows import Row, Standing
from harness.report.html.site import Site
from harness.report.html.student import Evidence, student_page
from harness.report.html.tally import Tally
from harness.report.html.views import About, Audience, StudentPage

ABOUT = About(title="Home & work", name="fall", base_model="Qwen3-4B", split="private", thresholds={"strong": 10.0})


def index_of(*records: Record, audience: Audience = "staff", about: About = ABOUT, others: int = 0) -> str:
    tally = Tally()
    for number, record in enumerate(records):
        tally.add(record, page=f"{number}.html")
    for number in range(others):
        tally.add_other(f"x{number}", Standing.MISSING, page=f"x{number}.html")
    return Site(about, audience=audience, t=language("en")).index(overview(tally, about, audience=audience))


def page_of(record: Record, evidence: Evidence | None = None, *, audience: Audience = "staff") -> str:
    row = Tally().add(record, page="p.html")
    page = student_page(record, evidence or Evidence(), row=row, audience=audience)
    return Site(ABOUT, audience=audience, t=language("en")).student(page)


def test_the_policy_lets_in_what_is_there_and_nothing_else(record: Record) -> None:
    for text in (index_of(record), page_of(record)):
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
        assert policy.startswith("default-src &#39;none&#39;; ")
        for element, rule in (("style", "style-src"), ("script", "script-src")):
            (inside,) = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
            digest = b64encode(sha256(inside.encode()).digest()).decode()
            assert f"{rule} &#39;sha256-{digest}&#39;;" in policy
        assert not re.search(r"\s(style|on\w+)=", text), "the policy forbids these"


def test_titles_are_text(record: Record) -> None:
    assert "<h1><bdi>Home &amp; work</bdi></h1>" in index_of(record)


def test_an_empty_class_has_pages_that_say_so() -> None:
    text = index_of(others=1)
    for words in (
        "No submission has a score.",
        "No submission has points.",
        "No submission has a finding.",
        "No stage was run.",
        "no record",
    ):
        assert words in text


def test_what_is_missing_is_told_to_the_staff_alone(record: Record) -> None:
    about = replace(ABOUT, notes=("/srv/assignment has changed.",))
    assert "/srv/assignment has changed." in index_of(record, about=about)
    assert "/srv/assignment" not in index_of(record, about=about, audience="public")


def test_figures_of_few_are_not_public(record: Record) -> None:
    few = index_of(*[record] * 4, audience="public")
    assert "There are too few submissions to show figures of all without telling those of each." in few
    assert "RUN003" not in few and "errors found" not in few
    many = index_of(*[record] * 5, audience="public")
    assert "RUN003" in many
    assert "r13921031" not in few + many


def test_a_lone_surrogate_is_no_end(record: Record) -> None:
    bad = replace(finding("RUN003", "x"), seen="\ud800", title="\udfff", fix="\x00", severity=Severity.ERROR)
    stage: StageResult = replace(record.stages[1], findings=(bad,), summary="\ud800\u202e")
    text = page_of(
        replace(record, stages=(stage,), submission=replace(record.submission, id="\ud800", source="\ud83d"))
    )
    text.encode()
    assert "\\ud800" in text and "\\udfff" in text and "\\x00" in text and "\\u202e" in text


def test_excerpts_are_shown_where_a_finding_has_one(record: Record) -> None:
    assert "Excerpt" not in page_of(record)


@pytest.mark.parametrize("audience", ["staff", "public"])
def test_a_fault_is_not_the_students(record: Record, fault: Fault, audience: Audience) -> None:
    told = replace(record, fault=fault, outcome=Outcome.NOT_GRADED, score=None, verdict=None)
    text = page_of(told, audience=audience)
    assert "Not graded: the submission is not to blame." in text
    assert ("The engine is gone." in text) is (audience == "staff")


@pytest.mark.parametrize(
    ("audience", "standing", "words"),
    [
        ("staff", Standing.UNTRUSTED, "evidence/score.json is not what"),
        ("public", Standing.UNTRUSTED, "Ask the course staff."),
        ("staff", Standing.MISSING, "There is no record of this submission yet."),
    ],
)
def test_a_submission_without_a_record_has_a_page(audience: Audience, standing: Standing, words: str) -> None:
    reason = "evidence/score.json is not what the record was made from" if audience == "staff" else ""
    page = StudentPage(row=Row(id="r1", page="r1.html", standing=standing), reason=reason)
    assert words in Site(ABOUT, audience=audience, t=language("en")).student(page)


def test_isolation_that_was_not_there_is_said(record: Record) -> None:
    assert "run without isolation from the machine" in page_of(replace(record, isolated=False))
    assert "run without isolation from the machine: 1." in index_of(replace(record, isolated=False))
    assert "without isolation" not in page_of(record) + index_of(record)
