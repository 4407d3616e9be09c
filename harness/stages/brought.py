"""Judges what a download.sh left in the submission's folder. Must not know whether it ran just now or long ago."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.files import make_readable, write_json
from harness.intake.downloads.tree import Seen, look
from harness.language import Message, message, sentences
from harness.model.finding import Finding, finding
from harness.sandbox.interface import Ended, Job
from harness.stages.adapter_place import PATH_SHOWN, check_place
from harness.stages.context import Context, Workspace
from harness.stages.host_faults import says_not_shared
from harness.stages.pages import HOW_TO_SHARE, Page, about_pages, find_pages
from harness.stages.program import FEWER_FILES, TAIL_BYTES, Codes, bad_end, last_lines
from harness.text import in_mb, visible

MAX_FILES = 10_000
MAX_PATH_BYTES = 1024
# What the download.sh of the reference says before it asks any host.
_NO_SOURCE = "ADAPTER_SOURCE in download.sh is empty"
_FILL_IN = message(
    "Upload the adapter, and write its link into download.sh as ADAPTER_SOURCE; `submission/pack.py` does it for you."
)
CODES = Codes(deadline="FET001", limit="FET003", failed="FET002", not_found="FET006")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that is evidence: its path as it can be shown, size, and SHA-256 (None: no plain or no readable file)."""

    path: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a download.sh left.

    Attributes:
        after: A look at the submission's folder; None where it failed.
        pages: Web pages in place of files.
    """

    findings: list[Finding]
    summary: Message
    after: Mapping[bytes, Seen] | None = None
    pages: tuple[Page, ...] = ()


def judge(context: Context, workspace: Workspace, job: Job, ended: Ended, *, before: Mapping[bytes, Seen]) -> Brought:
    """Find what is wrong with how download.sh ended or with what it left, and write down what it brought.

    Args:
        context: The run's.
        workspace: The submission's.
        job: What ran.
        ended: How it ended.
        before: A look at the submission's folder as it was handed in.
    """
    failure = bad_end(ended, job, command="download.sh", codes=CODES, quote=True)
    if failure:
        return Brought(findings=[better_fix(failure, job)], summary=message("download.sh failed"))
    make_readable(workspace.tree)
    if too_much := _too_much(workspace.tree, job.limits.disk_bytes):
        return Brought(findings=[too_much], summary=message("too much to keep"))
    after = look(workspace.tree)
    new = {path: one for path, one in sorted(after.items()) if one.kind != "folder" and before.get(path) != one}
    adapter = context.assignment.adapter.path
    packed = [path for path, one in before.items() if one.kind != "folder"]
    findings = check_place(workspace.tree, adapter, packed=packed, said=why_nothing(ended, job))
    plain = {os.fsdecode(path): one.size_bytes for path, one in new.items() if one.kind == "file"}
    missing = any(one.code == "FET004" for one in findings)
    pages = find_pages(workspace.tree, plain, adapter=adapter, missing=missing)
    findings = [*about_pages(pages), *findings]
    files = [File(path=_shown(path), bytes=one.size_bytes, sha256=one.sha256) for path, one in new.items()]
    write_json(workspace.evidence / "downloads.json", [asdict(one) for one in files])
    size = sum(one.bytes for one in files)
    summary = message("{count} files, {size}", count=len(files), size=f"{size / 1e6:.1f} MB")
    if findings:
        summary = message("no usable adapter")
    return Brought(findings=findings, summary=summary, after=after, pages=tuple(pages))


def better_fix(failure: Finding, job: Job) -> Finding:
    """Give the finding of a failed download.sh with the fix that its last words call for, or as it is."""
    if failure.code != CODES.failed:
        return failure
    lines = printed(job.stderr_path)
    if says_not_shared(lines):
        return replace(failure, fix=HOW_TO_SHARE)
    if any(_NO_SOURCE in line for line in lines):
        return replace(failure, fix=_FILL_IN)
    return failure


def printed(path: Path) -> list[str]:
    """Give the lines at the end of a log, raw; none where there is no log."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()


def why_nothing(ended: Ended, job: Job) -> Message:
    """Tell what may be why a download.sh that ended well brought nothing."""
    if not ended.killed_for_memory:
        return last_lines(job)
    limit = in_mb(job.limits.memory_bytes)
    killed = message("The kernel killed a process of it for want of memory (limit: {limit}).", limit=limit)
    return sentences(killed, last_lines(job))


def _too_much(root: Path, disk_bytes: int) -> Finding | None:
    """Refuse what would take us long to hash: many files, or large ones that take no room (sparse)."""
    count = size = 0
    for folder, _, names, descriptor in os.fwalk(os.fsencode(root)):
        if len(folder) - len(os.fsencode(root)) > MAX_PATH_BYTES:
            shown = visible(os.fsdecode(folder)[-PATH_SHOWN:], PATH_SHOWN)
            seen = message("a folder whose path ends in `{end}`", end=shown)
            return finding("FET007", seen, limit=message("{count} bytes", count=MAX_PATH_BYTES))
        count += len(names)
        size += sum(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size for name in names)
        if count > MAX_FILES or size > disk_bytes:
            seen = message("download.sh left files that are larger than {size} together.", size=in_mb(disk_bytes))
            if count > MAX_FILES:
                seen = message("download.sh left more than {count} files.", count=MAX_FILES)
            limit = message("{count} files, {size}", count=MAX_FILES, size=in_mb(disk_bytes))
            return finding("FET003", seen, limit=limit, fix=FEWER_FILES)
    return None


def _shown(path: bytes) -> str:
    return visible(os.fsdecode(path), PATH_SHOWN)
