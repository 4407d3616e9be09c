"""`harness schema` as it is called."""

import json
import subprocess
import sys
from pathlib import Path


def schema(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "schema", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_lists_the_names() -> None:
    done = schema()
    assert done.returncode == 0
    assert {"assignment.v1", "predictions.v1", "record.v1"} <= set(done.stdout.split())


def test_prints_a_schema(root: Path) -> None:
    done = schema("predictions.v1")
    assert done.stdout == (root / "schemas" / "predictions.v1.json").read_text(encoding="utf-8")
    assert json.loads(done.stdout)["$id"] == "predictions.v1"


def test_an_unknown_name_gets_the_nearest_and_code_3() -> None:
    done = schema("prediction.v1")
    assert done.returncode == 3
    assert "There is no schema `prediction.v1`." in done.stderr
    assert "Did you mean `predictions.v1`?" in done.stderr


def test_check_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('[{"id": 12, "output": "a"}]')
    done = schema("predictions.v1", "--check", str(path))
    assert done.returncode == 1
    assert done.stdout == (
        f'{path}:1:9 at /0/id: expected a string that is not empty, saw the number 12; put it in quotes: "12"\n'
    )
    path.write_text("[")
    done = schema("predictions.v1", "--check", str(path))
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}:1:2: expected a value, saw the end of the file; the file is cut off")


def test_check_passes_a_valid_yaml(root: Path) -> None:
    path = root / "assignments" / "classical-chinese" / "assignment.yaml"
    done = schema("assignment.v1", "--check", str(path))
    assert (done.returncode, done.stdout) == (0, f"{path}: valid by assignment.v1\n")


def test_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    done = schema("--check", str(tmp_path / "a.json"))
    assert done.returncode == 2
    assert "--check needs the NAME of a schema" in done.stderr or "No such" in done.stderr
    done = schema("predictions.v1", "--check", str(tmp_path / "none.json"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr
