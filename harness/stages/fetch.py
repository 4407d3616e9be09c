"""Fetch: `download.sh` in a container with network, under a time and size budget. No test data is mounted."""

import os
from pathlib import Path
from stat import S_ISREG

from harness.files import sha256_file, write_json
from harness.model.finding import Finding, finding
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.sandbox.interface import Job, Mount
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.program import Codes, bad_end, limits_of, receipt_of

CODES = Codes(deadline="FET001", limit="FET003", failed="FET002", not_found="FET006")


def fetch(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Run the fetch command in the submission's folder and write down what it brought."""
    clock = Clock()
    rules = context.assignment.stages.fetch
    tree = Mount(source=workspace.tree, target="/submission", writable=True)
    before = set(_files(workspace.tree))
    job = Job(
        name="fetch",
        argv=rules.command,
        mounts=(tree,),
        workdir=tree,
        limits=limits_of(rules),
        log_dir=workspace.logs,
        network=True,
    )
    ended = context.sandbox.run(job)
    failure = bad_end(ended, job, command="download.sh", codes=CODES, quote=True)
    findings = [failure] if failure else _check(workspace.tree, context.assignment.adapter.path)
    brought = sorted(set(_files(workspace.tree)) - before)
    size = sum((workspace.tree / path).lstat().st_size for path in brought)
    write_json(workspace.evidence / "downloads.json", [_entry(workspace.tree, path) for path in brought])
    return done(
        "fetch",
        clock,
        findings,
        summary=f"{len(brought)} files, {size / 1e6:.1f} MB" if not findings else "no adapter",
        budget_s=rules.timeout_s,
        receipt=receipt_of(ended, context.sandbox),
    )


def _files(root: Path) -> list[str]:
    """List everything below `root` that is no folder, relative to it; links are listed, never followed."""
    found = []
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        found += [str((Path(folder) / name).relative_to(root)) for name in names + links]
    return found


def _entry(root: Path, relative: str) -> dict[str, object]:
    path = root / relative
    status = path.lstat()
    plain = S_ISREG(status.st_mode)
    return {"path": relative, "bytes": status.st_size, "sha256": sha256_file(path) if plain else None}


def _check(tree: Path, adapter: str) -> list[Finding]:
    folder = tree / adapter
    links = [path for path in (tree / part for part in _prefixes(adapter)) if path.is_symlink()]
    if links:
        return [finding("FET005", f"`{links[0].relative_to(tree)}` is a link", limit="a plain folder")]
    if not folder.is_dir():
        return [finding("FET004", f"download.sh ended well, but there is no folder `{adapter}`", limit=f"{adapter}/")]
    return []


def _prefixes(relative: str) -> list[Path]:
    path = Path(relative)
    return [*reversed([one for one in path.parents if one != Path()]), path]
