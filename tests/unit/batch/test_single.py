"""Whose submission it is, and the exit code of an outcome."""

from pathlib import Path

import pytest

from harness.batch.single import exit_code, folder_name, identify
from harness.errors import ConfigError
from harness.model.result import Fault, Outcome
from harness.schema.assignment import load_assignment


@pytest.mark.parametrize(
    ("name", "student_id", "found", "by_name"),
    [
        ("r13921031.zip", None, "r13921031", True),
        ("hw3_r13921031_final.tar.gz", None, "r13921031", True),
        ("my homework", None, "my-homework", False),
        ("...", None, "submission", False),
        ("my homework", "b09901001", "b09901001", True),
    ],
)
def test_id(name: str, student_id: str | None, found: str, by_name: bool, root: Path, tmp_path: Path) -> None:
    assignment = load_assignment(root / "assignments" / "classical-chinese").assignment
    submission = identify(tmp_path / name, assignment, student_id=student_id, submitted_at=None)
    assert (submission.id, submission.id_found) == (found, by_name)


def test_an_id_that_does_not_match_is_refused(root: Path, tmp_path: Path) -> None:
    assignment = load_assignment(root / "assignments" / "classical-chinese").assignment
    with pytest.raises(ConfigError, match="does not match"):
        identify(tmp_path, assignment, student_id="nobody", submitted_at=None)


@pytest.mark.parametrize(
    ("text", "name"), [("../../etc", "etc"), (".hidden", "hidden"), ("a" * 99, "a" * 64), ("作業", "submission")]
)
def test_folder_names_are_harmless(text: str, name: str) -> None:
    assert folder_name(text) == name


@pytest.mark.parametrize(
    ("outcome", "kind", "code"),
    [
        (Outcome.PASSED, None, 0),
        (Outcome.FAILED, None, 1),
        (Outcome.NOT_GRADED, "ConfigError", 3),
        (Outcome.NOT_GRADED, "EnvironmentFault", 4),
        (Outcome.NOT_GRADED, "SandboxFault", 5),
    ],
)
def test_exit_codes(outcome: Outcome, kind: str | None, code: int) -> None:
    fault = Fault(kind=kind, message="m", remedy="r") if kind else None
    assert exit_code(outcome, fault) == code
