"""What of a record a student may see: nothing else is in it any more."""

from dataclasses import replace

import pytest

from harness.model.extension import Extension
from harness.model.finding import finding
from harness.model.result import Evidence, Fault, Record
from harness.report.public import public_logs, public_record

LOGS = ("fetch.proxy", "fetch.stderr", "render.stdout", "run.stderr", "score.stderr", "compare.stdout")


def with_logs(record: Record, *, split: str, isolated: bool = True) -> Record:
    evidence = tuple(Evidence(path=f"logs/{name}.log", sha256="0" * 64) for name in LOGS)
    assignment = replace(record.assignment, split=split)  # type: ignore[arg-type]
    return replace(record, evidence=evidence, assignment=assignment, isolated=isolated)


def test_what_is_for_the_staff_goes(record: Record, fault: Fault) -> None:
    receipt = record.stages[1].receipt
    assert receipt is not None
    stage = replace(
        record.stages[1],
        findings=(finding("RUN003", "seen", staff_detail="CANARY"),),
        receipt=replace(receipt, gpu_uuid="GPU-CANARY"),
    )
    granted = Extension(id="r13921031", days=2, reason="CANARY")
    told = replace(
        record,
        stages=(stage,),
        submission=replace(record.submission, extension=granted),
        fault=replace(fault, kind="CANARY", message="/srv/CANARY is full", remedy="rm /srv/CANARY"),
    )
    seen = public_record(told)
    assert "CANARY" in repr(told)
    assert "CANARY" not in repr(seen)
    assert seen.submission.extension == Extension(id="r13921031", days=2)
    assert seen.fault is not None
    assert seen.fault.message == (
        "Grading was not finished. The submission is not to blame, and nothing was taken off for it."
    )
    assert seen.fault.remedy == "Nothing needs to be done: the course staff grade it again."


def test_what_a_student_may_see_stays(record: Record) -> None:
    assert public_record(record) == record


@pytest.mark.parametrize(
    ("split", "isolated", "public"),
    [
        ("private", True, ("fetch.stderr",)),
        ("public", True, ("fetch.stderr", "render.stdout", "run.stderr")),
        ("private", False, ()),
        ("public", False, ()),
    ],
)
def test_logs_are_public_where_programs_could_read_nothing_private(
    record: Record, split: str, isolated: bool, public: tuple[str, ...]
) -> None:
    seen = public_logs(with_logs(record, split=split, isolated=isolated))
    assert seen == tuple(f"logs/{name}.log" for name in public)
