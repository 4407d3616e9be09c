"""What a run grades by: assignment, data and base model, loaded and checked. Must not start anything."""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from harness.errors import ConfigError, EnvironmentFault
from harness.files import sha256_file
from harness.intake.adapter.base import BaseShapes, read_base_shapes
from harness.model.assignment import Assignment, BaseModel, Example
from harness.model.result import AssignmentRef
from harness.model.run import Run, RunSubmission
from harness.model.submission import Submission
from harness.sandbox.choose import Kind
from harness.schema.assignment import LoadedAssignment, load_assignment, load_examples

_END_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run before it starts: the assignment as it was loaded, paths (absolute), what was asked for, submissions.

    Attributes:
        downloads: Store of recorded downloads, or None where every download is made anew and forgotten.
        fetch_again: Make downloads anew all the same, and tell what changed.
    """

    assignment: Assignment
    reference: AssignmentRef
    examples: tuple[Example, ...]
    base: BaseModel
    base_shapes: BaseShapes
    assignment_path: Path
    base_path: Path
    base_digest: str
    kind: Kind
    image_lock: Path
    gpu: str | None
    allow_process: bool
    downloads: Path | None = None
    fetch_again: bool = False
    submissions: tuple[Submission, ...] = ()


def load_plan(
    *,
    assignment_path: Path,
    base_path: Path,
    split: Literal["public", "private"],
    kind: Kind,
    image_lock: Path,
    gpu: str | None,
    allow_process: bool,
) -> Plan:
    """Load assignment, data and base model; there are no submissions yet.

    Raises:
        ConfigError: A path or the assignment is wrong.
        EnvironmentFault: There is no base model.
    """
    loaded = load_assignment(assignment_path)
    assignment = loaded.assignment
    data = loaded.folder / (assignment.data.public if split == "public" else assignment.data.private)
    base, shapes = find_base(assignment, base_path), read_base_shapes(base_path)
    return Plan(
        assignment=assignment,
        reference=reference_of(loaded, base, split),
        examples=load_examples(data),
        base=base,
        base_shapes=shapes,
        assignment_path=assignment_path.resolve(),
        base_path=base_path.resolve(),
        base_digest=digest_of_base(base_path),
        kind=kind,
        image_lock=image_lock.absolute(),
        gpu=gpu,
        allow_process=allow_process,
    )


def reference_of(loaded: LoadedAssignment, base: BaseModel, split: Literal["public", "private"]) -> AssignmentRef:
    """Say in a record's words what it was graded by."""
    data = loaded.assignment.data
    return AssignmentRef(
        name=loaded.assignment.name,
        sha256=loaded.sha256,
        base_model=base.name,
        split=split,
        data_sha256=sha256_file(loaded.folder / (data.public if split == "public" else data.private)),
    )


def plan_of(run: Run) -> Plan:
    """Load again what a run was begun with; what changed since then is for `RunStore.begin` to tell.

    Raises:
        ConfigError: A path or the assignment is wrong.
        EnvironmentFault: There is no base model.
    """
    plan = load_plan(
        assignment_path=Path(run.assignment_path),
        base_path=Path(run.base_path),
        split=run.assignment.split,
        kind=run.sandbox,
        image_lock=Path(run.image_lock),
        gpu=run.gpu,
        allow_process=run.allow_process,
    )
    return replace(
        plan,
        downloads=Path(run.downloads) if run.downloads else None,
        fetch_again=run.fetch_again,
        submissions=tuple(_submission(one) for one in run.submissions),
    )


def run_of(plan: Plan, *, harness_version: str, started_at: str, sandbox: str, image_id: str | None) -> Run:
    """Put a plan into the words of run.json."""
    assert sandbox in {"docker", "process"}
    return Run(
        harness_version=harness_version,
        started_at=started_at,
        assignment=plan.reference,
        assignment_path=str(plan.assignment_path),
        base_path=str(plan.base_path),
        base_digest=plan.base_digest,
        sandbox="docker" if sandbox == "docker" else "process",
        image_lock=str(plan.image_lock),
        image_id=image_id,
        allow_process=plan.allow_process,
        gpu=plan.gpu,
        downloads=str(plan.downloads) if plan.downloads else None,
        fetch_again=plan.fetch_again,
        language=plan.assignment.language,
        submissions=tuple(_listed(one) for one in plan.submissions),
    )


def _listed(one: Submission) -> RunSubmission:
    return RunSubmission(
        id=one.id,
        source=str(one.source),
        revision=one.revision,
        id_found=one.id_found,
        submitted_at=one.submitted_at.isoformat() if one.submitted_at else None,
        extension=one.extension,
    )


def _submission(one: RunSubmission) -> Submission:
    return Submission(
        id=one.id,
        source=Path(one.source),
        revision=one.revision,
        id_found=one.id_found,
        submitted_at=datetime.fromisoformat(one.submitted_at) if one.submitted_at else None,
        extension=one.extension,
    )


def digest_of_base(folder: Path) -> str:
    """Give a digest that tells one base model from another in a moment: all names and sizes, ends of all files.

    SHA-256 over `NAME NUL SIZE LF` and the first and last megabyte of each file. What scored has the digests of whole
    files in its evidence.
    """
    digest = sha256()
    for path in sorted(one for one in folder.iterdir() if one.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_END_BYTES))
            file.seek(max(0, size - _END_BYTES))
            digest.update(file.read(_END_BYTES))
    return digest.hexdigest()


def find_base(assignment: Assignment, path: Path) -> BaseModel:
    """Find the assignment's base model that the folder holds, by the folder's name.

    Raises:
        EnvironmentFault: There is no such folder.
        ConfigError: Its name is none of the assignment's base models, or such a model lies in the folder.
    """
    names = ", ".join(base.name for base in assignment.base_models)
    if not (path / "config.json").is_file():
        if inside := [one.name for one in assignment.base_models if (path / one.name / "config.json").is_file()]:
            raise ConfigError(
                f"{path} is no base model but holds {', '.join(inside)}.", remedy=f"Give {path / inside[0]}."
            )
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
