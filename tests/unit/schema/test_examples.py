"""Every file under examples/ is picked up by itself: SCHEMA--WHAT.json or .yaml.

Beside a bad one lies what is said of it, in SCHEMA--WHAT.txt.
"""

from pathlib import Path

import pytest

from harness.schema.document import DocumentError, load_json, load_yaml
from harness.schema.problem import Problem
from harness.schema.validate import problems

FOLDER = Path(__file__).parent / "examples"
BAD = sorted(path for path in (FOLDER / "bad").iterdir() if path.suffix != ".txt")
GOOD = sorted((FOLDER / "good").iterdir())


def check(path: Path) -> tuple[Problem, ...]:
    reader = load_yaml if path.suffix == ".yaml" else load_json
    try:
        return problems(reader(path.read_bytes(), path.name), path.name.split("--")[0])
    except DocumentError as error:
        return error.problems


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_good_file_has_no_problem(path: Path) -> None:
    assert check(path) == ()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_bad_file_gets_the_message_beside_it(path: Path) -> None:
    said = "".join(f"{problem}\n" for problem in check(path))
    assert said == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert said


def test_examples_are_there() -> None:
    assert len(BAD) > 60
    assert {path.name.split("--")[0] for path in GOOD} == {
        "assignment.v1",
        "download.v1",
        "examples.v1",
        "extensions.v1",
        "predictions.v1",
        "receipt.v1",
        "record.v1",
    }
    texts = {path.stem for path in (FOLDER / "bad").glob("*.txt")}
    assert texts == {path.stem for path in BAD}, "a message without its file, or two files of one name"
