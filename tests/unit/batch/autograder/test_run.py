"""What Gradescope says of a submission, and results that are handed out. The whole runs in tests/docker."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.batch.autograder.run import _student, autograde
from harness.batch.autograder.settings import Settings, read_settings
from harness.errors import ConfigError

PATTERN = "[a-z][0-9]{8}"
DOMAIN = "school.example"
SETTINGS = Settings(mode="results", language="en", student_id=PATTERN, visibility="visible", mail_domain=DOMAIN)


@pytest.mark.parametrize(
    ("users", "found"),
    [
        ([{"email": "R13921031@school.example"}], "r13921031"),
        ([{"email": "ann@x", "sid": "r13921031"}], "r13921031"),
        ([{"email": "r13921031@x"}], None),
        ([{"email": "r13921031@x@school.example"}], None),
        ([{"email": "r13921031@school.example", "sid": "r13921032"}], "r13921032"),
        ([{"email": "r13921031@school.example", "sid": "5"}], None),
        ([{"email": "r13921031@school.example"}, {"email": "r13921032@school.example"}], None),
        ([{"email": "r13921031@school.example"}, {"email": "ann@x"}], None),
        ([{"email": "ann@x"}], None),
        ([{"email": None, "sid": 5}], None),
        ([], None),
    ],
)
def test_the_student_s_id(users: list[dict[str, Any]], found: str | None) -> None:
    assert _student(users, SETTINGS) == found
    by_sid_alone = [one for one in users if one.get("sid") == found]
    assert _student(users, replace(SETTINGS, mail_domain=None)) == (found if by_sid_alone else None)


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
        for user in ({"email": f"{name.upper()}@{DOMAIN}"}, {"email": "ann@x", "sid": name}):
            results, _ = handed_out(place, {"users": [user]})
            assert results == {"score": 5.0, "output": name}


def test_without_a_domain_no_address_is_believed(place: Path) -> None:
    (place / "source" / "settings.json").write_text(replace(SETTINGS, mail_domain=None).text())
    results, told = handed_out(place, {"users": [{"email": f"r13921031@{DOMAIN}"}]})
    assert "score" not in results
    assert told == ["no results fit all of the ids (none)"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"users": [{"sid": "r99999999", "email": "r13921031@gmail.com"}]},
        {"users": [{"sid": "r99999999", "email": "r13921031@school.example"}]},
        {"users": [{"email": "r13921031@gmail.com"}]},
        {"users": [{"email": "r13921031@evil.school.example"}]},
        {"users": [{"sid": "r13921031"}, {"sid": "r13921033"}]},
        {"users": [{"sid": "r13921031"}, {}]},
        {"users": [{"email": "r13921033@school.example"}]},
        {"users": [{"email": "r13921031@school.example"}, {"email": "r13921032@school.example"}]},
        {"users": [{"email": "../r13921031@school.example"}]},
        {"users": "r13921031"},
        {},
        [],
    ],
)
def test_who_has_no_results_gets_no_score(place: Path, metadata: object) -> None:
    results, told = handed_out(place, metadata)
    assert "score" not in results and results["tests"] == []
    assert results["output"].startswith("There is no result for you here yet.")
    assert told[0].startswith("no results fit all of the ids ")


def test_torn_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"mode": "quick"}')
    with pytest.raises(ConfigError, match=r"settings\.json cannot be read"):
        read_settings(tmp_path)
