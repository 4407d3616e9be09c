"""A small class in which everything happens that a gradebook must cope with, and what exports are held against."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.extension import Extension
from harness.model.finding import Location, finding
from harness.model.result import Fault, Outcome, Points, Record, StageStatus, Verdict

GOLDEN = Path(__file__).parent / "golden"
SECRET = "/srv/private/test.json"
HOSTILE = '=HYPERLINK("http://x.example","open")'

Golden = Callable[[str, str], None]
Make = Callable[..., Record]


@pytest.fixture
def golden() -> Golden:
    """Give a function that holds a text against a file; HARNESS_WRITE_GOLDEN=1 writes the file instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("HARNESS_WRITE_GOLDEN"):
            path.write_bytes(text.encode())
        assert text == path.read_bytes().decode(), f"{name} differs; if it should, write it with HARNESS_WRITE_GOLDEN=1"

    return compare


@pytest.fixture
def make(record: Record) -> Make:
    """Give a function that makes a record with points for two lines of a rubric."""

    def apply(student: str, earned: float = 4.0, *, penalty: float = 0.0, **changes: object) -> Record:
        points = (
            Points(name="Runs end to end", earned=4.0, possible=4.0, reason="predictions are valid"),
            Points(name="Baseline", earned=earned, possible=6.0, reason=f"perplexity 12.500 gives {earned:g}"),
        )
        verdict = Verdict(
            points=points,
            late_penalty=penalty,
            late_reason="2 days late" if penalty else "on time",
            total=4.0 + earned - penalty,
            possible=10.0,
        )
        stages = tuple(
            replace(one, status=StageStatus.PASSED, findings=(), summary="done") for one in record.stages[:2]
        )
        made = replace(
            record,
            outcome=Outcome.PASSED,
            submission=replace(record.submission, id=student),
            stages=stages,
            verdict=verdict,
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return apply


@pytest.fixture
def small_class(make: Make, record: Record) -> tuple[Record, ...]:
    """Full points, late, with an extension, with hostile findings, not graded, and with an id that is a formula."""
    granted = make("r13921033", 3.5)
    extension = Extension(id="r13921033", days=3, reason="a reason for the staff alone")
    granted = replace(granted, submission=replace(granted.submission, extension=extension))
    return (
        make("r13921031", 6.0),
        make("r13921032", 4.0, penalty=0.8),
        granted,
        replace(
            make("r13921034", 0.0, outcome=Outcome.FAILED),
            stages=(replace(record.stages[1], findings=hostile_findings()), record.stages[2]),
        ),
        make(
            "r13921035",
            outcome=Outcome.NOT_GRADED,
            verdict=None,
            score=None,
            text=None,
            stages=(record.stages[0], replace(record.stages[1], status=StageStatus.FAULT, findings=(), summary=SECRET)),
            fault=Fault(kind="EnvironmentFault", message=f"no disk for {SECRET}", remedy="Free some."),
        ),
        make("@sum.1", 6.0),
    )


def hostile_findings() -> tuple:  # type: ignore[type-arg]
    where = Location(path="<img src=x onerror=alert(1)>.sh", line=3)
    seen = (
        f"{HOSTILE} <script>alert(1)</script> [link](javascript:alert(1)) `code <b>` | a\n# heading\n- item\n\x1b[31m"
    )
    return (
        finding("RUN003", seen, where=where, staff_detail=f"the reference is in {SECRET}"),
        finding("INT004", "no `run.sh`", limit="one"),
    )
