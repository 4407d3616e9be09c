"""What `harness report` makes of a run that was really graded, in every format."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.report.exports.readers import CanvasUser, import_canvas
from tests.unit.report.exports.test_gradescope import valid

pytestmark = [pytest.mark.docker, pytest.mark.torch, pytest.mark.slow]


def test_a_graded_run_in_every_format(submission: Path, assignment: Path, grade, tmp_path: Path, root: Path) -> None:
    graded = grade(submission, assignment)
    total = graded.record["verdict"]["total"]
    assert graded.exit_code == 0 and total > 0

    def report(*words: str | Path) -> str:
        command = [sys.executable, "-m", "harness", "report", str(tmp_path / "run"), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert f"{total:g} / 10" in report()
    assert next(csv.DictReader(io.StringIO(report("--to", "csv"))))["total"] == str(total)
    assert ElementTree.fromstring(report("--to", "junit")).get("failures") == "0"
    roster = tmp_path / "roster.csv"
    roster.write_text("id,name\nr13921031,Ann\nr13921032,Ben\n")
    text = report("--to", "canvas", "--roster", roster, "--title", "HW (1)")
    users = [CanvasUser(7, "Ann", "r13921031"), CanvasUser(8, "Ben", "r13921032")]
    assert import_canvas(text, users, {1: "HW"}).grades == {7: str(total), 8: ""}
    report("--to", "gradescope", "--output", tmp_path / "gs")
    results = valid(json.loads((tmp_path / "gs" / "r13921031" / "results.json").read_text()))
    assert results["score"] == total and results["leaderboard"][0]["order"] == "asc"
    report("--to", "markdown", "--output", tmp_path / "md", "--lang", "en")
    feedback = (tmp_path / "md" / "r13921031.md").read_text()
    assert f"**{total:g} of 10 points.**" in feedback
    private = json.loads((assignment / "data" / "private.json").read_text())
    for made in (feedback, json.dumps(results, ensure_ascii=False)):
        assert not [one["id"] for one in private if one["output"] in made or one["instruction"] in made]
        assert str(tmp_path) not in made
