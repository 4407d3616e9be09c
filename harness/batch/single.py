"""One submission from paths to a record: loads the assignment, chooses base model and sandbox, calls the pipeline."""

import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import harness
from harness.batch.pipeline import Watcher, grade_one
from harness.batch.store import RunStore
from harness.errors import (
    EXIT_FOUND_ERRORS,
    EXIT_PASSED,
    ConfigError,
    EnvironmentFault,
    SandboxFault,
)
from harness.files import sha256_file
from harness.intake.adapter.base import read_base_shapes
from harness.intake.archive.names import is_ignored
from harness.intake.layout import find_student_id
from harness.intake.location import read_location
from harness.model.assignment import Assignment, BaseModel
from harness.model.result import AssignmentRef, Fault, Outcome, Record
from harness.model.submission import Submission
from harness.sandbox.choose import Kind, choose_sandbox
from harness.sandbox.gpu.slot import held_gpu
from harness.sandbox.image.lock import read_lock
from harness.schema.assignment import load_assignment, load_examples
from harness.stages.context import Context

LOCAL_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "gdown", "sacrebleu")
FAULT_CODES = {kind.__name__: kind.exit_code for kind in (ConfigError, EnvironmentFault, SandboxFault)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A record and where it was written."""

    record: Record
    record_path: Path

    @property
    def exit_code(self) -> int:
        """Give the exit code that stands for the outcome."""
        return exit_code(self.record.outcome, self.record.fault)


def exit_code(outcome: Outcome, fault: Fault | None) -> int:
    """Map an outcome to the exit code of the command line."""
    if fault is not None:
        return FAULT_CODES.get(fault.kind, SandboxFault.exit_code)
    return EXIT_PASSED if outcome is Outcome.PASSED else EXIT_FOUND_ERRORS


def grade_submission(
    *,
    source: Path,
    assignment_path: Path,
    base_path: Path,
    run_folder: Path,
    student_id: str | None,
    sandbox_kind: Kind,
    image_lock: Path,
    gpu: str | None,
    split: Literal["public", "private"],
    allow_process: bool,
    submitted_at: datetime | None,
    watcher: Watcher,
) -> Graded:
    """Grade what lies at `source`, a path or `file:///PATH#REVISION` of a git repository.

    Raises:
        ConfigError: A path, the assignment or an option is wrong.
        EnvironmentFault: No engine where one is needed, no base model, no free GPU where one is asked for.
    """
    location = read_location(source)
    source = location.path
    if not source.exists():
        raise ConfigError(f"There is no submission at {source}.", remedy="Give the path of a folder or an archive.")
    loaded = load_assignment(assignment_path)
    assignment = loaded.assignment
    data = loaded.folder / (assignment.data.public if split == "public" else assignment.data.private)
    submission = replace(
        identify(source, assignment, student_id=student_id, submitted_at=submitted_at), revision=location.revision
    )
    refuse_nested(source.resolve(), run_folder.resolve(), ignored=assignment.submission.ignored)
    base, shapes = find_base(assignment, base_path), read_base_shapes(base_path)
    with (
        held_gpu(gpu, purpose=f"grading {submission.id}") as held,
        closing(choose_sandbox(sandbox_kind, image_lock=image_lock, allow_process=allow_process, gpu=held)) as sandbox,
    ):
        if not sandbox.isolates:
            require_local()
        context = Context(
            assignment=assignment,
            base=base,
            base_path=base_path.resolve(),
            examples=load_examples(data),
            split=split,
            base_shapes=shapes,
            sandbox=sandbox,
            harness_package=Path(harness.__file__).resolve().parent,
            packages=known_packages(image_lock if sandbox.isolates else None),
        )
        reference = AssignmentRef(
            name=assignment.name,
            sha256=loaded.sha256,
            base_model=context.base.name,
            split=split,
            data_sha256=sha256_file(data),
        )
        store = RunStore(run_folder.resolve())
        record = grade_one(context, submission, store, assignment=reference, watcher=watcher)
        return Graded(record=record, record_path=store.record_path(submission.id))


def known_packages(image_lock: Path | None) -> Mapping[str, str]:
    """Give the versions of the packages in the image, or where there is none those of this Python that matter.

    Raises:
        EnvironmentFault: The lock cannot be read.
    """
    if image_lock is not None:
        return {wheel.name: wheel.version for wheel in read_lock(image_lock).wheels}
    found = (name for name in LOCAL_PACKAGES if importlib.util.find_spec(name) is not None)
    return {name: importlib.metadata.version(name) for name in found}


def require_local() -> None:
    """Make sure that this Python has what the image would have.

    Raises:
        EnvironmentFault: Packages are missing: a submission would fail for our reason.
    """
    missing = [name for name in LOCAL_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise EnvironmentFault(
            f"The process sandbox uses this Python, which lacks {', '.join(missing)}.",
            remedy="Start a container engine, or run `pip install '.[local]'` in the project's folder.",
        )


def find_base(assignment: Assignment, path: Path) -> BaseModel:
    """Find the assignment's base model that the folder holds, by the folder's name.

    Raises:
        EnvironmentFault: There is no such folder.
        ConfigError: Its name is none of the assignment's base models.
    """
    names = ", ".join(base.name for base in assignment.base_models)
    if not (path / "config.json").is_file():
        first = assignment.base_models[0]
        raise EnvironmentFault(
            f"There is no base model at {path}: no config.json.",
            remedy=f"Fetch it, for example: hf download {first.source} --local-dir {first.name}",
        )
    found = [base for base in assignment.base_models if base.name.lower() == path.resolve().name.lower()]
    if not found:
        raise ConfigError(
            f"The folder name {path.resolve().name!r} is none of the assignment's base models ({names}).",
            remedy="Name the folder after the base model that it holds.",
        )
    return found[0]


def refuse_nested(source: Path, run_folder: Path, *, ignored: tuple[str, ...]) -> None:
    """Keep run folder and submission apart: one would be graded, mounted or removed with the other.

    A run folder inside the submission is fine where the assignment ignores it, as it does `runs`.

    Raises:
        ConfigError: One lies in the other.
    """
    if source.is_relative_to(run_folder):
        raise ConfigError(
            f"The submission {source} lies in the run folder {run_folder}.", remedy="Give another folder with --output."
        )
    if run_folder.is_relative_to(source) and not is_ignored(run_folder.relative_to(source).parts, ignored):
        raise ConfigError(
            f"The run folder {run_folder} lies in the submission {source}.",
            remedy="Give a folder outside with --output.",
        )


def identify(
    source: Path, assignment: Assignment, *, student_id: str | None, submitted_at: datetime | None
) -> Submission:
    """Find out whose submission it is, from the option or the file's name.

    Raises:
        ConfigError: The given id does not match the assignment's pattern.
    """
    pattern = assignment.submission.student_id
    if student_id is not None and not re.fullmatch(pattern, student_id):
        raise ConfigError(
            f"The student id {student_id!r} does not match the assignment's pattern {pattern}.",
            remedy="Give the id as the assignment writes it.",
        )
    found = student_id or find_student_id(source.resolve().name, pattern)
    return Submission(
        id=found or folder_name(source.resolve().name),
        source=source.resolve(),
        id_found=found is not None,
        submitted_at=submitted_at,
    )


def folder_name(text: str) -> str:
    """Make a folder name of any text: letters, digits, dot, dash and underscore, at most 64, never hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:64] or "submission"
