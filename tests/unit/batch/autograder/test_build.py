"""The autograder's zip: what is in it, and what is said of it."""

import json
import zipfile
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from harness.batch.autograder.wheel import own_wheel
from tests.unit.in_process import harness


def build(*words: str | Path) -> CompletedProcess[str]:
    return harness("gradescope", "build", *words)


@pytest.fixture
def assignment(root: Path) -> Path:
    return root / "assignments" / "classical-chinese"


def test_results_of_a_run_are_carried(assignment: Path, tmp_path: Path) -> None:
    (tmp_path / "gs" / "r13921031").mkdir(parents=True)
    (tmp_path / "gs" / "r13921031" / "results.json").write_text("{}")
    target = tmp_path / "a.zip"
    done = build(
        assignment, "--output", target, "--results", tmp_path / "gs", "--lang", "en", "--mail-domain", "x.example"
    )
    assert done.returncode == 0, done.stderr
    assert "hands out the results that it carries; it grades nothing" in done.stdout
    with zipfile.ZipFile(target) as content:
        assert "results/r13921031.json" in content.namelist()
        settings = json.loads(content.read("settings.json"))
        assert (settings["mode"], settings["mail_domain"]) == ("results", "x.example")
        assert "score" not in json.loads(content.read("not_graded.json"))
        assert content.read("limit_s") == b"540\n"
    again = build(assignment, "--output", target)
    assert again.returncode == 3 and "is there already." in again.stderr
    assert build(assignment, "--output", target, "--replace").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--private-data"], 2, "--private-data needs --base-model."),
        (["--results", "x", "--base-model", "y"], 2, "--results grades nothing: leave out --base-model."),
        (["--results", "."], 3, "There are no results in ."),
        (["--limit", "5"], 2, "5 is not in the range 10<=x<=2400"),
        (["--base-model", "nowhere"], 4, "There is no base model at nowhere"),
    ],
)
def test_what_does_not_go(assignment: Path, tmp_path: Path, words: list[str], code: int, said: str) -> None:
    done = build(assignment, "--output", tmp_path / "a.zip", *words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "a.zip").exists()


def test_the_wheel_is_the_same_each_time() -> None:
    name, content = own_wheel()
    assert own_wheel() == (name, content)
    assert name.startswith("lora_harness-") and name.endswith("-py3-none-any.whl")
