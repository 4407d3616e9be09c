"""Fetch: `download.sh` in a container that reaches the assignment's hosts alone, under a time and size budget.

No test data is mounted. A fetch that is recorded is replayed without a container.
"""

from harness.intake.downloads.tree import look
from harness.language import clauses
from harness.model.finding import has_error
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.sandbox.interface import Job, Mount
from harness.stages.brought import judge
from harness.stages.context import Context, Workspace
from harness.stages.hosts import about_hosts
from harness.stages.outcome import Clock, done
from harness.stages.program import limits_of, receipt_of
from harness.stages.recorded import changed_since, record, replay
from harness.stages.tries import try_until_served


def fetch(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Replay the recorded fetch, or run the fetch command in the submission's folder, and write down what it brought.

    Raises:
        HostFault: A host that the assignment allows failed it, at every try.
    """
    clock = Clock()
    job = _job(context, workspace)
    before = look(workspace.tree)
    replayed = replay(context, workspace, job)
    recording, notes = replayed.recording, [replayed.note]
    if recording:
        ended = replayed.ended
        brought = judge(context, workspace, job, ended, before=before)
    else:
        served = try_until_served(context, submission, workspace, job, before=before)
        ended, brought = served.ended, served.brought
        notes.append(served.note)
        if brought.after is not None and not has_error(brought.findings):
            recording = record(context, workspace, job, ended, looks=(before, brought.after))
    findings = about_hosts(ended, job.hosts, brought.findings)
    if recording:
        findings += changed_since(context, submission, recording)
    return done(
        "fetch",
        clock,
        findings,
        summary=clauses(brought.summary, *(one for one in notes if one)),
        budget_s=job.limits.timeout_s,
        receipt=replayed.receipt if replayed.recording else receipt_of(ended, context.sandbox),
    )


def _job(context: Context, workspace: Workspace) -> Job:
    rules = context.assignment.stages.fetch
    tree = Mount(source=workspace.tree, target="/submission", writable=True)
    return Job(
        name="fetch",
        argv=rules.command,
        mounts=(tree,),
        workdir=tree,
        limits=limits_of(rules),
        log_dir=workspace.logs,
        hosts=rules.hosts,
    )
