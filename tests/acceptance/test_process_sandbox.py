"""The same grading where no container engine is: plain processes, and the report says so."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.torch, pytest.mark.slow]


def test_processes_give_the_same_score_as_containers_and_say_what_they_are(
    submission: Path, assignment: Path, grade
) -> None:
    inside = grade(submission, assignment, command="check")
    outside = grade(submission, assignment, sandbox="process", command="check", output="other")
    assert (inside.exit_code, outside.exit_code) == (0, 0), inside.stdout + outside.stdout + outside.stderr
    assert inside.record["score"]["perplexity"] == pytest.approx(outside.record["score"]["perplexity"], rel=5e-3)
    assert inside.record["score"]["tokens"] == outside.record["score"]["tokens"]
    assert (inside.record["isolated"], outside.record["isolated"]) == (True, False)
    assert inside.record["assignment"]["split"] == "public"
    assert "this run was NOT isolated" in outside.stdout
    assert "NOT isolated" not in inside.stdout
