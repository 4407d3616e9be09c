"""Run: the student's `run.sh BASE ADAPTER INPUT OUTPUT` with no network; base, adapter and input are read-only."""

from pathlib import Path

from harness.files import NotPlain, read_untrusted, write_whole
from harness.language import message
from harness.model.finding import Finding, finding
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.sandbox.interface import Job, Mount
from harness.stages.context import PREDICTIONS, Context, Workspace
from harness.stages.outcome import Clock, done
from harness.stages.program import Codes, bad_end, limits_of, receipt_of

CODES = Codes(deadline="RUN001", limit="RUN002", failed="RUN003", not_found="RUN005")
BYTES_PER_ROW = 65_536
SPARE_BYTES = 1_000_000


def run(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Run the command of the assignment and keep the predictions it wrote."""
    clock = Clock()
    rules = context.assignment.stages.run
    output = Mount(source=workspace.scratch / "output", target="/output", writable=True)
    output.source.mkdir()
    job = _job(context, workspace, output)
    ended = context.sandbox.run(job)
    failure = bad_end(ended, job, command="run.sh", codes=CODES, quote=context.split == "public")
    findings = (
        [failure]
        if failure
        else _keep(output.source, workspace.predictions, max_bytes=most_bytes(len(context.examples)))
    )
    return done(
        "run",
        clock,
        findings,
        summary=message("predictions written") if not findings else message("no predictions"),
        budget_s=rules.timeout_s,
        receipt=receipt_of(ended, context.sandbox),
    )


def _job(context: Context, workspace: Workspace, output: Mount) -> Job:
    tree = Mount(source=workspace.tree, target="/submission", writable=True)
    assert context.base_path is not None, "only a quick check has none"
    base = Mount(source=context.base_path, target=f"/models/{context.base.name}")
    adapter = Mount(source=workspace.adapter, target="/adapter")
    given = Mount(source=workspace.input, target="/input")
    sandbox = context.sandbox
    places = {
        "{base}": sandbox.path(base),
        "{adapter}": sandbox.path(adapter),
        "{input}": sandbox.path(given, "input.json"),
        "{output}": sandbox.path(output, PREDICTIONS),
    }
    return Job(
        name="run",
        argv=tuple(places.get(word, word) for word in context.assignment.stages.run.command),
        mounts=(tree, base, adapter, given, output),
        workdir=tree,
        limits=limits_of(context.assignment.stages.run),
        log_dir=workspace.logs,
    )


def most_bytes(examples: int) -> int:
    """Give the largest predictions file that is read for so many examples: 64 KiB each, and a megabyte to spare."""
    return SPARE_BYTES + examples * BYTES_PER_ROW


def _keep(folder: Path, target: Path, *, max_bytes: int) -> list[Finding]:
    try:
        content = read_untrusted(folder, PREDICTIONS, max_bytes=max_bytes)
    except NotPlain as error:
        seen = message("run.sh ended well, but the output cannot be read: {problem}", problem=error.words)
        return [finding("RUN004", seen, limit=message("the file in $4"))]
    write_whole(target, content)
    return []
