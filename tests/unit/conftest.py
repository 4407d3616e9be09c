"""A small assignment and record for unit tests."""

import pytest

from harness.model.finding import Location, finding
from harness.model.result import (
    AssignmentRef,
    Fault,
    Outcome,
    Points,
    Receipt,
    Record,
    Score,
    StageResult,
    StageStatus,
    SubmissionRef,
    TextMetrics,
    Verdict,
)

DIGEST = "0" * 64


@pytest.fixture
def record() -> Record:
    """A record with a passed and a failed stage, a score, text metrics and points."""
    receipt = Receipt(
        cause="exited",
        exit_code=3,
        signal=None,
        duration_s=1.5,
        peak_memory_bytes=1000,
        sandbox="docker",
        image_id="sha256:" + DIGEST,
    )
    where = Location(path="run.sh", line=3, column=1, pointer=None)
    findings = (finding("RUN003", "run.sh ended with exit code 3.", limit="exit code 0", where=where),)
    stages = (
        StageResult(stage="intake", status=StageStatus.PASSED, summary="4 files", duration_s=0.1),
        StageResult(
            stage="run",
            status=StageStatus.FAILED,
            summary="no predictions",
            duration_s=1.5,
            budget_s=60.0,
            findings=findings,
            receipt=receipt,
        ),
        StageResult(stage="validate", status=StageStatus.SKIPPED, summary="needs run", duration_s=0.0),
    )
    return Record(
        harness_version="0.1.0",
        graded_at="2026-11-21T00:00:00+00:00",
        outcome=Outcome.FAILED,
        sandbox="docker",
        isolated=True,
        image_id="sha256:" + DIGEST,
        assignment=AssignmentRef(
            name="homework", sha256=DIGEST, base_model="Qwen3-tiny", split="private", data_sha256=DIGEST
        ),
        submission=SubmissionRef(id="r13921031", source="r13921031.zip", tree_sha256=DIGEST, adapter_sha256=DIGEST),
        stages=stages,
        score=Score(
            perplexity=12.5,
            corpus_perplexity=11.0,
            bits_per_character=3.1,
            base_perplexity=50.0,
            examples=40,
            tokens=900,
        ),
        text=TextMetrics(
            examples=40,
            chrf=21.5,
            chrf_signature="nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.6.0",
            bleu=12.25,
            bleu_signature="nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:2.6.0",
            exact_match=0.025,
            length_ratio=1.04,
            empty=0.0,
            copied=0.1,
        ),
        verdict=Verdict(
            points=(Points(name="Runs", earned=0.0, possible=4.0, reason="predictions are not valid"),),
            late_penalty=0.0,
            late_reason="on time",
            total=0.0,
            possible=4.0,
        ),
        fault=None,
        evidence=(),
    )


@pytest.fixture
def fault() -> Fault:
    """A fault of the machine."""
    return Fault(kind="EnvironmentFault", message="The engine is gone.", remedy="Start it again.")
