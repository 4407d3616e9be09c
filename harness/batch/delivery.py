"""Carries what is kept of a graded submission from the node that graded it into the run folder; tries each hash."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.batch.kept import RECORD
from harness.batch.store import RunStore
from harness.errors import SandboxFault
from harness.files import write_whole
from harness.model.assignment import Assignment
from harness.model.result import AssignmentRef, Record
from harness.stages.run import most_bytes

_SPARE_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file of the kept folder: its path there, with slashes, and what it holds."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A record, and the files that it lists as evidence."""

    record: Record
    files: tuple[KeptFile, ...]


def most_kept_bytes(assignment: Assignment, *, examples: int) -> int:
    """Bound what is kept of one submission: what its programs may print, predictions and prompts, and some more."""
    stages = assignment.stages
    printed = sum(one.output_bytes for one in (stages.fetch, stages.render, stages.run, stages.score))
    return 2 * printed + 4 * most_bytes(examples) + _SPARE_BYTES


def collect(record: Record, folder: Path, *, limit_bytes: int) -> Delivery:
    """Read the kept folder of a submission.

    Raises:
        SandboxFault: It is larger than the limit.
    """
    paths = [one.path for one in record.evidence]
    size = sum((folder / path).stat().st_size for path in paths)
    if size > limit_bytes:
        raise SandboxFault(
            f"What is kept of {record.submission.id} takes {size / 1e6:.0f} MB; "
            f"no more than {limit_bytes / 1e6:.0f} MB are sent back.",
            remedy="Lower output_bytes of the stages in assignment.yaml, or grade without --engine ray.",
        )
    return Delivery(
        record=record, files=tuple(KeptFile(path=path, content=(folder / path).read_bytes()) for path in paths)
    )


def take_in(delivery: Delivery, store: RunStore, *, submission_id: str, assignment: AssignmentRef) -> None:
    """Write what came back into the run folder: files first, the record last.

    Raises:
        SandboxFault: It is of another submission or assignment, or a file is not what the record says.
        OSError: The run folder cannot be written.
    """
    record = delivery.record
    if record.submission.id != submission_id or record.assignment != assignment:
        raise _spoiled(submission_id, "a record of something else came back")
    came = {one.path: hashlib.sha256(one.content).hexdigest() for one in delivery.files}
    if came != {one.path: one.sha256 for one in record.evidence}:
        raise _spoiled(submission_id, "evidence is not what the record says")
    if any(not _is_inside(path) for path in came):
        raise _spoiled(submission_id, "evidence leads out of its folder")
    workspace = store.open(submission_id)
    try:
        for one in delivery.files:
            write_whole(workspace.kept / one.path, one.content)
        store.write(record)
    finally:
        store.close(workspace)


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and not path.startswith("/") and parts != (RECORD,)


def _spoiled(submission_id: str, what: str) -> SandboxFault:
    return SandboxFault(
        f"What a node sent back of {submission_id} cannot be used: {what}.",
        remedy="Grade again; if it stays, look at that node's memory and disk.",
    )
