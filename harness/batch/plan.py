"""What a run is to grade and by what, from paths, checked before anything starts. Must not start anything."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from harness.errors import ConfigError, EnvironmentFault
from harness.files import sha256_file
from harness.intake.adapter.base import BaseShapes, read_base_shapes
from harness.intake.archive.names import is_ignored
from harness.intake.layout import find_student_id
from harness.intake.location import read_location
from harness.model.assignment import Assignment, BaseModel, Example
from harness.model.extension import Extension
from harness.model.result import AssignmentRef
from harness.model.run import Run, RunSubmission
from harness.model.submission import Submission
from harness.sandbox.choose import Kind
from harness.schema.assignment import load_assignment, load_examples
from harness.schema.extensions import load_extensions
from harness.schema.times import load_times

_SHOWN = 10
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


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
    reference = AssignmentRef(
        name=assignment.name,
        sha256=loaded.sha256,
        base_model=base.name,
        split=split,
        data_sha256=sha256_file(data),
    )
    return Plan(
        assignment=assignment,
        reference=reference,
        examples=load_examples(data),
        base=base,
        base_shapes=shapes,
        assignment_path=assignment_path.resolve(),
        base_path=base_path.resolve(),
        kind=kind,
        image_lock=image_lock.absolute(),
        gpu=gpu,
        allow_process=allow_process,
    )


def with_submissions(
    plan: Plan,
    sources: Sequence[Path],
    *,
    run_folder: Path,
    student_id: str | None = None,
    submitted_at: datetime | None = None,
) -> Plan:
    """Say what is graded: paths, or `file:///PATH#REVISION` of git repositories.

    Args:
        plan: The run.
        sources: What was handed in.
        run_folder: Where results go.
        student_id: Whose it is, where it is one submission whose name does not tell.
        submitted_at: When it was handed in, where that is known.

    Raises:
        ConfigError: There is no such submission, two have one id, or one lies in the run folder.
    """
    found = []
    for given in sources:
        location = read_location(given)
        source = location.path
        if not source.exists():
            raise ConfigError(f"There is no submission at {source}.", remedy="Give the path of a folder or an archive.")
        refuse_nested(source.resolve(), run_folder.resolve(), ignored=plan.assignment.submission.ignored)
        one = identify(source, plan.assignment, student_id=student_id, submitted_at=submitted_at)
        found.append(replace(one, revision=location.revision))
    refuse_duplicates(found)
    return replace(plan, submissions=tuple(found))


def with_dates(plan: Plan, *, times: Path | None, extensions: Path | None, tell: Callable[[str], None]) -> Plan:
    """Say when submissions were handed in, and what was granted to whom.

    Args:
        plan: The run with its submissions.
        times: CSV file with `id` and `submitted_at`.
        extensions: YAML file of extensions (`extensions.v1`).
        tell: Is told of lines that fit no submission, and of submissions without a time.

    Raises:
        ConfigError: Something in a file is wrong; the message has a line for each problem.
    """
    late, ids = plan.assignment.late, [one.id for one in plan.submissions]
    found = load_times(times, zone=late.zone if late else None) if times else {}
    granted: Mapping[str, Extension] = {}
    if extensions:
        loaded = load_extensions(extensions, plan.assignment, submissions=ids)
        granted = loaded.by_id
        for problem in loaded.unused:
            tell(f"not used: {problem}")
    if times:
        for what, names in (
            (f"in {times} but not handed in", sorted(found.keys() - set(ids))),
            (f"without a time in {times}, counted as on time", [one for one in ids if one not in found]),
        ):
            if names:
                tell(f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{' ...' if len(names) > _SHOWN else ''}")
    dated = (
        replace(one, submitted_at=found.get(one.id, one.submitted_at), extension=granted.get(one.id, one.extension))
        for one in plan.submissions
    )
    return replace(plan, submissions=tuple(dated))


def submissions_in(folder: Path) -> tuple[Path, ...]:
    """List the hand-ins of a folder: every folder and archive that is not hidden, in the order of names.

    Raises:
        ConfigError: There is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}.", remedy="Give the folder that holds the submissions.")
    found = sorted(
        one
        for one in folder.iterdir()
        if not one.name.startswith((".", "__MACOSX")) and (one.is_dir() or one.name.lower().endswith(ARCHIVES))
    )
    if not found:
        raise ConfigError(
            f"{folder} holds no submission: no folder and no archive ({', '.join(ARCHIVES)}).",
            remedy="Give the folder that holds one folder or archive for each student.",
        )
    return tuple(found)


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
    downloads = Path(run.downloads) if run.downloads else None
    return replace(plan, downloads=downloads, submissions=tuple(_submission(one) for one in run.submissions))


def run_of(plan: Plan, *, harness_version: str, started_at: str, sandbox: str, image_id: str | None) -> Run:
    """Put a plan into the words of run.json."""
    assert sandbox in {"docker", "process"}
    return Run(
        harness_version=harness_version,
        started_at=started_at,
        assignment=plan.reference,
        assignment_path=str(plan.assignment_path),
        base_path=str(plan.base_path),
        sandbox="docker" if sandbox == "docker" else "process",
        image_lock=str(plan.image_lock),
        image_id=image_id,
        allow_process=plan.allow_process,
        gpu=plan.gpu,
        downloads=str(plan.downloads) if plan.downloads else None,
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


def refuse_duplicates(submissions: Sequence[Submission]) -> None:
    """Make sure that no id comes twice: one record would be written over the other.

    Raises:
        ConfigError: One does; the message names the files.
    """
    counts = Counter(one.id for one in submissions)
    lines = [
        f"  {one}: {', '.join(other.source.name for other in submissions if other.id == one)}"
        for one, count in counts.items()
        if count > 1
    ]
    if lines:
        more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise ConfigError(
            "More than one submission of:\n" + "\n".join(lines[:_SHOWN]) + more,
            remedy="Leave the one that counts, or name the files after different ids.",
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
