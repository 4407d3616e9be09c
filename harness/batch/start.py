"""Makes a submission to start from: the reference's files and, for a base model, an adapter that changes nothing."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.batch.plan import find_base
from harness.errors import ConfigError
from harness.intake.adapter.base import read_base_shapes
from harness.intake.adapter.starting import StartingAdapter, write_starting_adapter
from harness.intake.layout import find_student_id
from harness.intake.reference import SCRIPTS, reference_files
from harness.model.assignment import Assignment
from harness.schema.assignment import load_assignment

_REFERENCE_PATH = "adapter_checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was made.

    Attributes:
        folder: The submission.
        files: How many files of the reference it holds.
        adapter: The starting adapter, if there is one.
        named: Whether the folder's name tells whose it is.
        train_file: The assignment's training data, if it has any.
        adapter_path: Where in the folder the adapter belongs.
    """

    folder: Path
    files: int
    adapter: StartingAdapter | None
    named: bool
    train_file: Path | None
    adapter_path: str


def start(folder: Path, *, student_id: str | None, assignment_path: Path | None, base_path: Path | None) -> Started:
    """Make the submission; nothing is left where it cannot be made.

    Args:
        folder: Where to; it must be empty or not there. With a student id that its name lacks, a folder of that name
            is made in it.
        student_id: Whose it is.
        assignment_path: assignment.yaml, or its folder: where the adapter lies, and what it may be.
        base_path: Folder of a base model of the assignment.

    Raises:
        ConfigError: The folder is not empty, the id is none of the assignment's, or a path is wrong.
        EnvironmentFault: There is no base model where one was named.
    """
    loaded = load_assignment(assignment_path) if assignment_path else None
    assignment = loaded.assignment if loaded else None
    target = _target(folder, student_id, assignment)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is there and not empty.", remedy="Give a new folder, or an empty one.")
    files = reference_files()
    base = find_base(assignment, base_path) if assignment and base_path else None
    shapes = read_base_shapes(base_path) if base_path else None
    path = assignment.adapter.path if assignment else _REFERENCE_PATH
    existed = target.exists()
    try:
        for name, source in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
            (target / name).chmod(0o755 if name in SCRIPTS else 0o644)
        _say_where(target / "download.sh", path)
        adapter = None
        if assignment and base and shapes:
            adapter = write_starting_adapter(target / path, rules=assignment.adapter, base=shapes, base_name=base.name)
    except BaseException:
        for one in target.iterdir() if existed else [target]:
            shutil.rmtree(one) if one.is_dir() else one.unlink(missing_ok=True)
        raise
    pattern = assignment.submission.student_id if assignment else None
    named = pattern is None or find_student_id(target.resolve().name, pattern) is not None
    train_file = loaded.folder / loaded.assignment.data.train if loaded and loaded.assignment.data.train else None
    return Started(
        folder=target, files=len(files), adapter=adapter, named=named, train_file=train_file, adapter_path=path
    )


def _target(folder: Path, student_id: str | None, assignment: Assignment | None) -> Path:
    if student_id is None:
        return folder
    pattern = assignment.submission.student_id if assignment else r"[A-Za-z0-9._-]+"
    if not re.fullmatch(pattern, student_id) or student_id.startswith("."):
        raise ConfigError(
            f"The student id {student_id!r} does not match the pattern {pattern}.",
            remedy="Give the id as the assignment writes it.",
        )
    return folder if student_id in folder.resolve().name else folder / student_id


def _say_where(script: Path, adapter_path: str) -> None:
    """Have download.sh leave the adapter where the assignment looks for it."""
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace(_REFERENCE_PATH, adapter_path), encoding="utf-8")
