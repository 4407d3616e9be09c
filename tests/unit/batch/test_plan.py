"""Whose submission it is, what is refused before anything starts, and the exit code of a fault."""

from pathlib import Path

import pytest

from harness.batch.engine import fault_code
from harness.batch.handed_in import folder_name, identify
from harness.errors import ConfigError
from harness.model.result import Fault
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


@pytest.mark.parametrize(("kind", "code"), [("ConfigError", 3), ("EnvironmentFault", 4), ("SandboxFault", 5)])
def test_exit_codes(kind: str, code: int) -> None:
    assert fault_code(Fault(kind=kind, message="m", remedy="r")) == code
