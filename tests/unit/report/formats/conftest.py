"""Records for the formats: one with all kinds of findings, one that a hostile student wrote, and their text."""

from dataclasses import replace

import pytest

from harness.language import Language, language
from harness.model.finding import Location, finding
from harness.model.result import NOTHING_RAN, Fault, Outcome, Record, StageResult, StageStatus

HOSTILE_PATH = "a,b:c%0A::error::x]]>\x1b[31m\r\n<&\"'\u202e\ufffe\ud800.sh"
HOSTILE = '100%\n::set-output name=x::y\r\n##[error]z\n]]><x a="b">&\x00\x08\x1b[2J\u2028\uffff\ud800 <script>'


@pytest.fixture
def t() -> Language:
    return language("en")


@pytest.fixture
def mixed(record: Record) -> Record:
    """An error with line and column, one with a pointer, a warning and a note without a place."""
    pointed = finding(
        "VAL002",
        "`outputs`",
        limit="`output`",
        where=Location(path="predictions.json", line=2, column=5, pointer="/0/outputs"),
    )
    stages = (
        replace(record.stages[0], findings=(finding("INT006", "no id"), finding("PAR003", "1 changed"))),
        record.stages[1],
        replace(record.stages[2], status=StageStatus.FAILED, summary="not valid", findings=(pointed,)),
    )
    return replace(record, stages=stages)


@pytest.fixture
def hostile(record: Record) -> Record:
    """What a student who wants to be more than shown hands in."""
    found = finding("RUN003", HOSTILE, limit=HOSTILE, fix=HOSTILE, where=Location(path=HOSTILE_PATH, line=1))
    found = replace(found, title=HOSTILE, where=Location(path=HOSTILE_PATH, line=1, pointer=f"/{HOSTILE}"))
    skipped = StageResult(stage="validate", status=StageStatus.SKIPPED, summary=HOSTILE, duration_s=0.0)
    stages = (replace(record.stages[1], findings=(found,), summary=HOSTILE), skipped)
    return replace(record, stages=stages, submission=replace(record.submission, source=HOSTILE_PATH))


@pytest.fixture
def faulty(record: Record, fault: Fault) -> Record:
    """A record that ends with a fault of the machine."""
    stage = replace(record.stages[1], status=StageStatus.FAULT, findings=())
    return replace(
        record, stages=(record.stages[0], stage), fault=fault, outcome=Outcome.NOT_GRADED, score=None, verdict=None
    )


@pytest.fixture
def quick(record: Record) -> Record:
    """A quick check that found nothing."""
    return replace(record, sandbox=NOTHING_RAN, outcome=Outcome.PASSED, stages=(record.stages[0], record.stages[2]))
