"""Takes the receipt of a check out of a submission, compares it at the end, and writes that of a new check.

The comparison itself is `grading.parity`'s. Nothing that a receipt says is trusted or decides anything.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from harness.files import NotPlain, read_untrusted, remove_tree, write_whole
from harness.grading.parity import differences
from harness.language import message
from harness.model.finding import Finding, Location, finding
from harness.model.parity import MOST_FILES, RECEIPT, Parity, ParityFile, ParityStage
from harness.model.result import Record, StageResult
from harness.schema.decode import decode
from harness.schema.parity import parity_text, read_parity
from harness.stages.context import Workspace

MOST_BYTES = 200_000
MOST_PACKAGES = 300


def take_receipt(workspace: Workspace) -> list[Finding]:
    """Keep the receipt at the submission's root as evidence, before any program can touch it.

    Returns:
        PAR001 where there is one that cannot be read; it is then ignored.
    """
    path = workspace.tree / RECEIPT
    if not path.exists() and not path.is_symlink():
        return []
    found = _taken(workspace)
    remove_tree(path)  # it does not count as part of the submission, so no program may find it there
    return found


def _taken(workspace: Workspace) -> list[Finding]:
    where = Location(path=RECEIPT)
    try:
        found = read_parity(read_untrusted(workspace.tree, RECEIPT, max_bytes=MOST_BYTES), RECEIPT)
    except NotPlain as problem:
        limit = message("a plain file of at most {size}", size=f"{MOST_BYTES / 1e3:g} kB")
        return [finding("PAR001", message("{problem}.", problem=problem.words), limit=limit, where=where)]
    if not isinstance(found, Parity):
        where = Location(path=RECEIPT, line=found.line, column=found.column, pointer=found.pointer or None)
        return [finding("PAR001", message("It holds {what}.", what=found.seen), limit=found.expected, where=where)]
    write_whole(workspace.packed_receipt, parity_text(found).encode())
    return []


def with_parity(record: Record, workspace: Workspace) -> Record:
    """Add to the record what differs from the check whose receipt the submission holds.

    The findings go to the stage `intake`, which found the receipt; they are notes and change no status.
    """
    if not workspace.packed_receipt.is_file():
        return record
    receipt = read_parity(workspace.packed_receipt.read_bytes(), RECEIPT)
    assert isinstance(receipt, Parity), "take_receipt wrote it"
    found = differences(receipt, record, files=_files(workspace))
    return replace(record, stages=tuple(_with(one, found) for one in record.stages))


def write_receipt(record: Record, workspace: Workspace, *, packages: Mapping[str, str]) -> None:
    """Write the receipt of a check on public data beside its record."""
    if record.fault is None and record.assignment.split == "public":
        receipt = receipt_of(record, files=_files(workspace), packages=packages)
        write_whole(workspace.receipt, parity_text(receipt).encode())


def receipt_of(record: Record, *, files: tuple[ParityFile, ...], packages: Mapping[str, str]) -> Parity:
    """Put a record in short."""
    return Parity(
        harness_version=record.harness_version,
        checked_at=record.graded_at,
        outcome=record.outcome,
        sandbox=record.sandbox,
        image_id=record.image_id,
        assignment=record.assignment.name,
        assignment_sha256=record.assignment.sha256,
        base_model=record.assignment.base_model,
        data_sha256=record.assignment.data_sha256,
        tree_sha256=record.submission.tree_sha256,
        files=files if len(files) <= MOST_FILES else (),
        adapter_sha256=record.submission.adapter_sha256,
        perplexity=record.score.perplexity if record.score else None,
        examples=record.score.examples if record.score else None,
        stages=tuple(map(_stage, record.stages)),
        packages=dict(sorted(packages.items())[:MOST_PACKAGES]),
    )


def _stage(one: StageResult) -> ParityStage:
    return ParityStage(
        stage=one.stage,
        status=one.status,
        duration_s=one.duration_s,
        budget_s=one.budget_s,
        peak_memory_bytes=one.receipt.peak_memory_bytes if one.receipt else None,
        peak_vram_bytes=one.receipt.peak_vram_bytes if one.receipt else None,
    )


def _with(stage: StageResult, found: tuple[Finding, ...]) -> StageResult:
    return replace(stage, findings=(*stage.findings, *found)) if stage.stage == "intake" else stage


def _files(workspace: Workspace) -> tuple[ParityFile, ...]:
    if not workspace.files.is_file():
        return ()
    rows = json.loads(workspace.files.read_text(encoding="utf-8"))
    return tuple(decode(ParityFile, row) for row in rows)
