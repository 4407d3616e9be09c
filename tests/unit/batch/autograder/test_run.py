"""What Gradescope says of a submission, and results that are handed out. The whole runs in tests/docker."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.batch.autograder.run import _student, autograde
from harness.batch.autograder.settings import Settings, read_settings
from harness.errors import ConfigError

PATTERN = "[a-z][0-9]{8}"
SETTINGS = Settings(mode="results", language="en", student_id=PATTERN, visibility="visible")


@pytest.mark.parametrize(
    ("users", "found"),
    [
        ([{"email": "R13921031@school.example"}], "r13921031"),
        ([{"email": "ann@x", "sid": "r13921031"}], "r13921031"),
        ([{"email": "r13921031@x"}, {"email": "r13921032@x"}], None),
        ([{"email": "ann@x"}], None),
        ([{"email": None, "sid": 5}], None),
        ([], None),
    ],
)
def test_the_student_s_id(users: list[dict[str, Any]], found: str | None) -> None:
    assert _student(users, PATTERN) == found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "source" / "results").mkdir(parents=True)
    (tmp_path / "source" / "settings.json").write_text(SETTINGS.text())
    for name in ("r13921031", "r13921032"):
        (tmp_path / "source" / "results" / f"{name}.json").write_text(json.dumps({"score": 5.0, "output": name}))
    return tmp_path


def handed_out(place: Path, metadata: object) -> tuple[dict[str, Any], list[str]]:
    (place / "submission_metadata.json").write_text(json.dumps(metadata))
    told: list[str] = []
    return autograde(place, tell=told.append), told


def test_each_student_gets_the_own_results(place: Path) -> None:
    for name in ("r13921031", "r13921032"):
        results, _ = handed_out(place, {"users": [{"email": f"{name.upper()}@x"}]})
        assert results == {"score": 5.0, "output": name}


@pytest.mark.parametrize(
    "metadata",
    [
        {"users": [{"email": "r13921033@x"}]},
        {"users": [{"email": "r13921031@x"}, {"email": "r13921032@x"}]},
        {"users": [{"email": "../r13921031@x"}]},
        {"users": "r13921031"},
        {},
        [],
    ],
)
def test_who_has_no_results_gets_no_score(place: Path, metadata: object) -> None:
    results, told = handed_out(place, metadata)
    assert "score" not in results and results["tests"] == []
    assert results["output"].startswith("There is no result for you here yet.")
    assert "results fit the ids" in told[0]


def test_torn_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"mode": "quick"}')
    with pytest.raises(ConfigError, match=r"settings\.json cannot be read"):
        read_settings(tmp_path)
