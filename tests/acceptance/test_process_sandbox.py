"""The same grading where no container engine is: plain processes, and the report says so."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.torch]


def test_reference_submission_passes_without_containers(submission: Path, assignment: Path, grade) -> None:
    graded = grade(submission, assignment, sandbox="process", command="check")
    assert graded.exit_code == 0, graded.stdout + graded.stderr
    assert not graded.record["isolated"]
    assert graded.record["image_id"] is None
    assert "this run was NOT isolated" in graded.stdout


def test_containers_and_processes_agree_on_the_score(submission: Path, assignment: Path, grade, tmp_path: Path) -> None:
    inside = grade(submission, assignment, command="check")
    outside = grade(submission, assignment, sandbox="process", command="check", output="other")
    ours, theirs = inside.record["score"], outside.record["score"]
    assert ours["perplexity"] == pytest.approx(theirs["perplexity"], rel=5e-3)
    assert ours["tokens"] == theirs["tokens"]
