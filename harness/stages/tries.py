"""Runs download.sh, and again while a host fails it, within the stage's one budget.

Each try meets the submission as it was handed in: half a file of the last one neither helps nor harms.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import EnvironmentFault, HostFault
from harness.files import remove_tree
from harness.intake.downloads.tree import Seen
from harness.language import NOTHING, Message, message
from harness.model.submission import Submission
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job
from harness.stages.blame import Blame, blame
from harness.stages.brought import Brought, judge, printed
from harness.stages.context import Context, Workspace

LEAST_S = 1.0  # what is shorter is no try


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The last try: how download.sh ended, what it left, and `note`, why it was not the first, if it was not."""

    ended: Ended
    brought: Brought
    note: Message


def try_until_served(
    context: Context, submission: Submission, workspace: Workspace, job: Job, *, before: Mapping[bytes, Seen]
) -> Served:
    """Run the job until no host is to blame for its failure.

    Args:
        context: The run's.
        submission: Whose it is.
        workspace: The submission's.
        job: What runs; its time is that of all tries and waits.
        before: A look at the submission's folder as it was handed in.

    Raises:
        HostFault: A host failed it to the last try, or there is no time for another.
    """
    retries, blames = context.retries, list[Blame]()
    start = retries.clock()
    with _spare_copy(workspace, needed=bool(job.hosts)) as spare:
        while True:
            left_s = job.limits.timeout_s - (retries.clock() - start)
            ended = context.sandbox.run(replace(job, limits=replace(job.limits, timeout_s=left_s)))
            brought = judge(context, workspace, job, ended, before=before)
            found = blame(
                ended, brought.findings, allowed=job.hosts, lines=printed(job.stderr_path), pages=brought.pages
            )
            if found is None and blames and ended.cause is Cause.DEADLINE:
                found = blames[-1]  # the time that it lacked went by with the tries before
            if found is None:
                return Served(ended=ended, brought=brought, note=_note(blames))
            blames.append(found)
            spent_s = retries.clock() - start
            wait_s = retries.wait_s(len(blames), seed=submission.id)
            if wait_s is None or spent_s + wait_s + LEAST_S > job.limits.timeout_s:
                raise _given_up(blames, spent_s)
            retries.sleep(wait_s)
            _keep_logs(job, len(blames))
            _put_back(spare, workspace.tree)


def _note(blames: Sequence[Blame]) -> Message:
    if not blames:
        return NOTHING
    last = blames[-1]
    return message(
        "at try {number}; before: {what} ({known_by})", number=len(blames) + 1, what=last.what, known_by=last.known_by
    )


def _given_up(blames: Sequence[Blame], spent_s: float) -> HostFault:
    last = blames[-1]
    often = f" Tried {len(blames)} times in {spent_s:.0f} s." if len(blames) > 1 else ""
    if last.unreached:
        return HostFault(
            f"{last.what}.{often}",
            remedy="Check its network and DNS (and a firewall or proxy before it), and grade again: "
            "`harness grade --resume`.",
        )
    return HostFault(
        f"A file host failed download.sh: {last.what}. Known because {last.known_by}.{often}",
        remedy="Not the student's fault as far as can be seen: `harness grade --resume` tries again later. If it stays "
        "so, look into logs/fetch.stderr.log.",
    )


@contextlib.contextmanager
def _spare_copy(workspace: Workspace, *, needed: bool) -> Iterator[Path]:
    """Keep a copy of the submission as it was handed in, out of every container's reach, for the time of the block.

    Never by hard links: download.sh may write into its files.
    """
    spare = workspace.scratch / "handed-in"
    if needed:
        _copy(workspace.tree, spare)
    try:
        yield spare
    finally:
        remove_tree(spare)


def _put_back(spare: Path, tree: Path) -> None:
    remove_tree(tree)
    _copy(spare, tree)


def _copy(source: Path, target: Path) -> None:
    # The system's own: it clones where the file system can, and follows no link.
    copy = subprocess.run(
        ["cp", "-a", "--reflink=auto", "--", str(source), str(target)], capture_output=True, text=True, check=False
    )
    if copy.returncode != 0:
        raise EnvironmentFault(
            f"The submission could not be copied: {copy.stderr.strip()[:400]}.",
            remedy="Free some disk, see that the run folder can be written, and grade again.",
        )


def _keep_logs(job: Job, number: int) -> None:
    """Put the logs of a try aside, as ``try-1.fetch.stderr.log``: the next one writes its own."""
    for path in job.log_dir.glob(f"{job.name}.*"):
        path.rename(path.with_name(f"try-{number}.{path.name}"))
