"""Fetch: `download.sh` in a container that reaches the assignment's hosts alone, under a time and size budget.

No test data is mounted.
"""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from harness.files import make_readable, write_json
from harness.model.finding import Finding, finding
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.sandbox.interface import Ended, Job, Mount
from harness.stages.adapter_place import PATH_SHOWN, check_place
from harness.stages.context import Context, Workspace
from harness.stages.hosts import about_hosts
from harness.stages.outcome import Clock, done
from harness.stages.program import FEWER_FILES, Codes, bad_end, last_lines, limits_of, receipt_of
from harness.text import in_mb, visible

MAX_FILES = 10_000
MAX_PATH_BYTES = 1024
CODES = Codes(deadline="FET001", limit="FET003", failed="FET002", not_found="FET006")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that is evidence: its path as it can be shown, size, and SHA-256 (None: no plain or no readable file)."""

    path: str
    bytes: int
    sha256: str | None


def fetch(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Run the fetch command in the submission's folder and write down what it brought.

    Raises:
        EnvironmentFault: It failed, and this machine cannot reach a host that the assignment lists.
    """
    clock = Clock()
    rules = context.assignment.stages.fetch
    tree = Mount(source=workspace.tree, target="/submission", writable=True)
    before = _files(workspace.tree)
    job = Job(
        name="fetch",
        argv=rules.command,
        mounts=(tree,),
        workdir=tree,
        limits=limits_of(rules),
        log_dir=workspace.logs,
        hosts=rules.hosts,
    )
    ended = context.sandbox.run(job)
    failure = bad_end(ended, job, command="download.sh", codes=CODES, quote=True)
    if failure:
        return _done(context, clock, [failure], ended, summary="download.sh failed")
    make_readable(workspace.tree)
    if too_much := _too_much(workspace.tree, rules.disk_bytes):
        return _done(context, clock, [too_much], ended, summary="too much to keep")
    after = _files(workspace.tree)
    brought = [one for path, one in sorted(after.items()) if before.get(path) != one]
    why = why_nothing(ended, job)
    findings = check_place(workspace.tree, context.assignment.adapter.path, packed=before.keys(), said=why)
    write_json(workspace.evidence / "downloads.json", [asdict(one) for one in brought])
    size = sum(one.bytes for one in brought)
    summary = f"{len(brought)} files, {size / 1e6:.1f} MB" if not findings else "no usable adapter"
    return _done(context, clock, findings, ended, summary=summary)


def why_nothing(ended: Ended, job: Job) -> str:
    """Tell what may be why a download.sh that ended well brought nothing."""
    if not ended.killed_for_memory:
        return last_lines(job)
    limit = in_mb(job.limits.memory_bytes)
    return f"The kernel killed a process of it for want of memory (limit: {limit}). {last_lines(job)}"


def _done(context: Context, clock: Clock, findings: list[Finding], ended: Ended, *, summary: str) -> StageResult:
    return done(
        "fetch",
        clock,
        about_hosts(ended, context.assignment.stages.fetch.hosts, findings),
        summary=summary,
        budget_s=context.assignment.stages.fetch.timeout_s,
        receipt=receipt_of(ended, context.sandbox),
    )


def _files(root: Path) -> dict[bytes, File]:
    """Tell of everything below `root` that is no folder, by its path; links are told of, never followed.

    Every file is opened relative to its folder, so that no path is too long for us.
    """
    found = {}
    for folder, folders, names, descriptor in os.fwalk(os.fsencode(root)):
        for name in names + [one for one in folders if S_ISLNK(_status(one, descriptor).st_mode)]:
            path = os.path.relpath(os.path.join(folder, name), os.fsencode(root))  # noqa: PTH118
            found[path] = _file(path, name, descriptor)
    return found


def _file(path: bytes, name: bytes, folder: int) -> File:
    status = _status(name, folder)
    shown = visible(os.fsdecode(path), PATH_SHOWN)
    return File(path=shown, bytes=status.st_size, sha256=_sha256(name, folder) if S_ISREG(status.st_mode) else None)


def _status(name: bytes, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _sha256(name: bytes, folder: int) -> str | None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except PermissionError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _too_much(root: Path, disk_bytes: int) -> Finding | None:
    """Refuse what would take us long to hash: many files, or large ones that take no room (sparse)."""
    count = size = 0
    for folder, _, names, descriptor in os.fwalk(os.fsencode(root)):
        if len(folder) - len(os.fsencode(root)) > MAX_PATH_BYTES:
            shown = visible(os.fsdecode(folder)[-PATH_SHOWN:], PATH_SHOWN)
            return finding("FET007", f"a folder whose path ends in `{shown}`", limit=f"{MAX_PATH_BYTES} bytes")
        count += len(names)
        size += sum(_status(name, descriptor).st_size for name in names)
        if count > MAX_FILES or size > disk_bytes:
            return finding(
                "FET003",
                f"download.sh left more than {MAX_FILES} files."
                if count > MAX_FILES
                else f"download.sh left files that are larger than {in_mb(disk_bytes)} together.",
                limit=f"{MAX_FILES} files, {in_mb(disk_bytes)}",
                fix=FEWER_FILES,
            )
    return None
