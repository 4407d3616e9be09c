"""What a class handed in: which files are submissions, whose they are, when they came. Must not unpack anything."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from harness.batch.plan import Plan
from harness.errors import ConfigError
from harness.intake.archive.names import is_ignored
from harness.intake.archive.unpack import is_git
from harness.intake.layout import find_student_id
from harness.intake.location import read_location
from harness.model.assignment import Assignment
from harness.model.extension import Extension
from harness.model.submission import Submission
from harness.schema.extensions import load_extensions
from harness.schema.times import load_times

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """What lies in a folder of hand-ins: the submissions, and the names of what is none."""

    submissions: tuple[Path, ...]
    others: tuple[str, ...]


def submissions_in(folder: Path) -> HandedIn:
    """List the hand-ins of a folder: every folder and archive that is not hidden, in the order of names.

    A folder that holds one archive and nothing else, as learning platforms make one for each student, is that archive.

    Raises:
        ConfigError: There is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}.", remedy="Give the folder that holds the submissions.")
    entries = _entries(folder)
    found = tuple(_inner(one) for one in entries if one.is_dir() or _is_archive(one))
    if not found:
        raise ConfigError(
            f"{folder} holds no submission: no folder and no archive ({', '.join(ARCHIVES)}).",
            remedy="Give the folder that holds one folder or archive for each student.",
        )
    return HandedIn(
        submissions=found, others=tuple(one.name for one in entries if not (one.is_dir() or _is_archive(one)))
    )


def _entries(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if not one.name.startswith((".", "__MACOSX")))


def _is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(ARCHIVES)


def _inner(entry: Path) -> Path:
    if entry.is_dir() and not entry.is_symlink():
        inside = _entries(entry)
        if len(inside) == 1 and _is_archive(inside[0]):
            return inside[0]
    return entry


def with_submissions(
    plan: Plan,
    sources: Sequence[Path],
    *,
    run_folder: Path,
    student_id: str | None = None,
    submitted_at: datetime | None = None,
    checked: bool = False,
) -> Plan:
    """Say what is graded: paths, or `file:///PATH#REVISION` of git repositories.

    Args:
        plan: The run.
        sources: What was handed in.
        run_folder: Where results go.
        student_id: Whose it is, where it is one submission whose name does not tell.
        submitted_at: When it was handed in, where that is known.
        checked: It is checked and not graded, see `submission_at`.

    Raises:
        ConfigError: There is no such submission, two have one id, or one lies in the run folder.
    """
    found = []
    for given in sources:
        one = submission_at(given, plan.assignment, student_id=student_id, submitted_at=submitted_at, checked=checked)
        refuse_nested(one.source, run_folder.resolve(), ignored=plan.assignment.submission.ignored)
        found.append(one)
    refuse_duplicates(found)
    return replace(plan, submissions=tuple(found))


def submission_at(
    given: Path,
    assignment: Assignment,
    *,
    student_id: str | None = None,
    submitted_at: datetime | None = None,
    checked: bool = False,
) -> Submission:
    """Say what is handed in at a path, or at `file:///PATH#REVISION` of a git repository.

    Where it is `checked` and not graded, a plain folder is a draft: an archive or a repository is what is handed in.

    Raises:
        ConfigError: There is nothing, or the given id is none of the assignment's.
    """
    location = read_location(given)
    if not location.path.exists():
        raise ConfigError(
            f"There is no submission at {location.path}.", remedy="Give the path of a folder or an archive."
        )
    one = identify(location.path, assignment, student_id=student_id, submitted_at=submitted_at)
    is_folder = location.path.is_dir() and not is_git(location.path, location.revision)
    return replace(one, revision=location.revision, draft=checked and is_folder)


def with_dates(
    plan: Plan,
    *,
    times: Path | None,
    extensions: Path | None,
    graded_before: Collection[str] = (),
    tell: Callable[[str], None],
) -> Plan:
    """Say when submissions were handed in, and what was granted to whom.

    Args:
        plan: The run with its submissions.
        times: CSV file with `id` and `submitted_at`.
        extensions: YAML file of extensions (`extensions.v1`).
        graded_before: Ids that the run has already: lines about them are no news.
        tell: Is told of lines that fit no submission, and of submissions without a time.

    Raises:
        ConfigError: Something in a file is wrong; the message has a line for each problem.
    """
    late, ids = plan.assignment.late, [one.id for one in plan.submissions]
    found: Mapping[str, datetime] = {}
    if times:
        found = {key.casefold(): time for key, time in load_times(times, zone=late.zone if late else None).items()}
        known = {one.casefold() for one in (*ids, *graded_before)}
        _tell_names(f"in {times} but not handed in", sorted(found.keys() - known), tell)
        missing = [one for one in ids if one.casefold() not in found]
        _tell_names(f"without a time in {times}, counted as on time", missing, tell)
    granted: Mapping[str, Extension] = {}
    if extensions:
        loaded = load_extensions(extensions, plan.assignment, submissions=[*ids, *graded_before])
        granted = {key.casefold(): one for key, one in loaded.by_id.items()}
        for problem in loaded.unused:
            tell(f"not used: {problem}")
    dated = (
        replace(
            one,
            submitted_at=found.get(one.id.casefold(), one.submitted_at),
            extension=granted.get(one.id.casefold(), one.extension),
        )
        for one in plan.submissions
    )
    return replace(plan, submissions=tuple(dated))


def _tell_names(what: str, names: Sequence[str], tell: Callable[[str], None]) -> None:
    if names:
        tell(f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{' ...' if len(names) > _SHOWN else ''}")


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
    name = Path(os.path.abspath(source)).name  # noqa: PTH100  (a link is called by its own name)
    if student_id is not None and not re.fullmatch(pattern, student_id):
        raise ConfigError(
            f"The student id {student_id!r} does not match the assignment's pattern {pattern}.",
            remedy="Give the id as the assignment writes it.",
        )
    found = student_id or find_student_id(name, pattern)
    return Submission(
        id=found or folder_name(name),
        source=source.resolve(),
        id_found=found is not None,
        submitted_at=submitted_at,
    )


def folder_name(text: str) -> str:
    """Make a folder name of any text: letters, digits, dot, dash and underscore, at most 64, never hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:64] or "submission"
