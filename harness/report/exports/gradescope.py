"""Gradescope's `results.json` of one submission: what its student may see, and nothing else.

A submission that was not graded has no score at all, neither in sum nor in a test: never a zero. A check that gives no
points has 0 of 0 in every test.
https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from collections.abc import Iterator
from typing import Any, Literal

from harness.language import Language
from harness.model.finding import has_error
from harness.model.result import Record, StageResult, StageStatus, Verdict
from harness.report.exports.feedback import finding_lines, is_checked, is_graded, not_graded_words, status_words

Visibility = Literal["visible", "after_due_date", "after_published"]


def gradescope_results(record: Record, t: Language, *, visibility: Visibility = "visible") -> dict[str, Any]:
    """Give the results as data for JSON.

    Args:
        record: The record.
        t: The language of texts.
        visibility: When students see them.
    """
    results: dict[str, Any] = {
        "execution_time": round(sum(one.duration_s for one in record.stages), 3),
        "output": "\n".join(_output(record, t)),
        "output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "extra_data": _extra(record),
    }
    tests = [*_stage_tests(record, t)]
    if record.verdict and is_graded(record):
        results = {"score": record.verdict.total, **results}
        tests = [*_rubric_tests(record.verdict, t), *tests]
    elif is_checked(record):
        results = {"score": 0.0, **results}
        tests = [{"score": 0.0, "max_score": 0.0, **one} for one in _stage_tests(record, t, all_stages=True)]
    results["tests"] = [
        {"number": str(number), **one, "output_format": "text", "visibility": visibility}
        for number, one in enumerate(tests, start=1)
    ]
    if record.score and is_graded(record):
        results["leaderboard"] = [{"name": "Perplexity", "value": round(record.score.perplexity, 3), "order": "asc"}]
    return results


def not_graded_results(t: Language, *, visibility: Visibility = "visible") -> dict[str, Any]:
    """Give the results of a submission that there is no record of."""
    return {
        "output": not_graded_words(t),
        "output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": [],
    }


def _output(record: Record, t: Language) -> Iterator[str]:
    yield status_words(record, t)
    if record.score and is_graded(record):
        yield t(
            "Perplexity {adapter:.3f}, base model {base:.3f}; lower is better.",
            adapter=record.score.perplexity,
            base=record.score.base_perplexity,
        )


def _rubric_tests(verdict: Verdict, t: Language) -> Iterator[dict[str, Any]]:
    for one in verdict.points:
        full = one.earned >= one.possible
        yield _test(one.name, t.of(one.reason), passed=full, tag="rubric", score=(one.earned, one.possible))
    if verdict.late_penalty:
        taken = (-verdict.late_penalty, 0.0)
        yield _test(t("Late penalty"), t.of(verdict.late_reason), passed=False, tag="late", score=taken)


def _stage_tests(record: Record, t: Language, *, all_stages: bool = False) -> Iterator[dict[str, Any]]:
    for stage in record.stages:
        if stage.findings or (all_stages and stage.status is not StageStatus.SKIPPED):
            name = t("Stage {stage}", stage=stage.stage)
            yield _test(name, _found(stage, t), passed=not has_error(stage.findings), tag="stage")


def _found(stage: StageResult, t: Language) -> str:
    if not stage.findings:
        return t.of(stage.summary)
    return "\n\n".join("\n".join(finding_lines(one, t)) for one in stage.findings)


def _test(
    name: str, output: str, *, passed: bool, tag: str, score: tuple[float, float] | None = None
) -> dict[str, Any]:
    points = {"score": score[0], "max_score": score[1]} if score else {}
    return {**points, "status": "passed" if passed else "failed", "name": name, "output": output, "tags": [tag]}


def _extra(record: Record) -> dict[str, Any]:
    return {
        "id": record.submission.id,
        "outcome": record.outcome.value,
        "assignment": record.assignment.name,
        "base_model": record.assignment.base_model,
        "split": record.assignment.split,
        "graded_at": record.graded_at,
        "harness_version": record.harness_version,
        "tree_sha256": record.submission.tree_sha256,
        "adapter_sha256": record.submission.adapter_sha256,
    }
