"""Gradescope's results, held against a schema of the documented fields."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from harness.language import language
from harness.model.result import Record
from harness.report.exports.gradescope import gradescope_results
from tests.unit.report.exports.conftest import SECRET

VISIBILITY = {"enum": ["visible", "hidden", "after_due_date", "after_published"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
# https://gradescope-autograders.readthedocs.io/en/latest/specs/
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number", "minimum": 0},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
        "leaderboard": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "value"],
                "properties": {
                    "name": {"type": "string"},
                    "value": {"type": ["number", "string"]},
                    "order": {"enum": ["asc", "desc"]},
                },
            },
        },
    },
    # The score is optional, "but required if not on each test case".
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"minItems": 1, "items": {"required": ["score"]}}}},
    ],
}


def valid(results: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(results, allow_nan=False))
    Draft202012Validator(SCHEMA).validate(plain)
    return plain


def test_golden_and_valid(small_class: tuple[Record, ...], golden) -> None:
    made = {one.submission.id: gradescope_results(one, language("en")) for one in small_class}
    golden("gradescope.json", json.dumps(made, ensure_ascii=False, indent=1) + "\n")
    for name in ("r13921031", "r13921032", "r13921033", "r13921034", "@sum.1"):
        valid(made[name])
    assert made["r13921032"]["score"] == 7.2
    # What Gradescope would add up is the total, too.
    assert sum(one.get("score", 0) for one in made["r13921032"]["tests"]) == pytest.approx(7.2)


def test_not_graded_has_no_score_anywhere(small_class: tuple[Record, ...]) -> None:
    results = gradescope_results(small_class[4], language("en"))
    with pytest.raises(ValidationError, match="is not valid under any of the given schemas"):
        valid(results)
    valid({**results, "score": 0})  # the score is all that it lacks
    assert "score" not in results and all("score" not in one for one in results["tests"])
    assert "leaderboard" not in results
    assert results["output"].startswith("Not graded: the grading machine had a fault. Your submission is not to blame")


def test_nothing_private_and_no_markup(small_class: tuple[Record, ...]) -> None:
    for one in small_class:
        results = gradescope_results(one, language("en"), visibility="after_published")
        text = json.dumps(results, ensure_ascii=False)
        assert SECRET not in text and "reason for the staff" not in text
        assert {results["output_format"], *(test["output_format"] for test in results["tests"])} == {"text"}
        assert {results["visibility"], *(test["visibility"] for test in results["tests"])} == {"after_published"}
        assert results["stdout_visibility"] == "hidden"
        assert "\x1b" not in text


def test_a_stage_with_errors_failed_and_one_with_warnings_passed(small_class: tuple[Record, ...]) -> None:
    record = small_class[3]
    failed = gradescope_results(record, language("en"))["tests"][-1]
    assert (failed["name"], failed["status"], "score" in failed) == ("Stage run", "failed", False)
    assert "Error RUN003: run.sh ended with an error" in failed["output"] and "What to do: " in failed["output"]
    mild = replace(record.stages[0].findings[0], severity=type(record.stages[0].findings[0].severity).WARNING)
    passed = replace(record, stages=(replace(record.stages[0], findings=(mild,)),))
    assert gradescope_results(passed, language("en"))["tests"][-1]["status"] == "passed"
