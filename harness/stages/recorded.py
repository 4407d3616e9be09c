"""What the store of downloads does for the fetch stage: replay, record, and tell what changed since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from harness.grading.late import deadline_of
from harness.intake.adapter.gate import WEIGHTS
from harness.intake.downloads.blobs import Damaged
from harness.intake.downloads.store import Fetched, key_of
from harness.intake.downloads.tree import Seen, Unrepeatable
from harness.language import NOTHING, Message, message, verbatim
from harness.model.download import Entry, Recording
from harness.model.finding import Finding, finding
from harness.model.result import Receipt
from harness.model.submission import Submission
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job
from harness.stages.context import Context, Workspace

_SHOWN = 12
_KINDS = {"file": message("a file"), "link": message("a link"), "folder": message("a folder")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What became of a replay: the recording that was replayed, if one was, and `note`, what is to be said of it."""

    recording: Recording | None = None
    note: Message = NOTHING

    @property
    def ended(self) -> Ended:
        """How the recorded download.sh ended."""
        assert self.recording is not None
        return Ended(
            cause=Cause.EXITED,
            exit_code=self.recording.exit_code,
            signal=None,
            duration_s=self.recording.duration_s,
            peak_memory_bytes=None,
            refused_hosts=self.recording.refused_hosts,
            unreached_hosts=self.recording.unreached_hosts,
        )

    @property
    def receipt(self) -> Receipt:
        """What the recorded download.sh used, as far as that is recorded."""
        assert self.recording is not None
        return Receipt(
            cause=Cause.EXITED.value,
            exit_code=self.recording.exit_code,
            signal=None,
            duration_s=round(self.recording.duration_s, 3),
            peak_memory_bytes=None,
            sandbox=self.recording.sandbox,
            image_id=self.recording.image_id,
        )


def replay(context: Context, workspace: Workspace, job: Job) -> Replay:
    """Put back what the newest recording of this fetch brought, if there is one.

    A recording is passed over where download.sh was refused a host and other hosts are allowed now.

    Raises:
        OSError: The system refuses.
    """
    if context.downloads is None or context.fetch_again:
        return Replay()
    newest = next(context.downloads.history(_key(workspace, job)), None)
    if newest is None:
        return Replay()
    try:
        if isinstance(newest, Damaged):
            raise newest
        if newest.refused_hosts and set(newest.hosts) != set(job.hosts):
            return Replay(note=message("not replayed from {time}: other hosts are allowed now", time=when(newest)))
        logs = (job.stdout_path, job.stderr_path)
        context.downloads.replay(newest, workspace.tree, scratch=workspace.scratch / "replay", logs=logs)
    except Damaged as damage:
        return Replay(note=message("not replayed: {problem}", problem=damage.words))
    return Replay(recording=newest, note=message("replayed: fetched {time}", time=when(newest)))


def record(
    context: Context,
    workspace: Workspace,
    job: Job,
    ended: Ended,
    *,
    looks: tuple[Mapping[bytes, Seen], Mapping[bytes, Seen]],
) -> Recording | None:
    """Keep what a fetch brought, or give None where there is no store or it brought what cannot be put back.

    Args:
        context: The run's.
        workspace: The submission's.
        job: What ran.
        ended: How it ended.
        looks: The submission's folder as it was handed in, and as it is now.

    Raises:
        OSError: The store cannot be written.
    """
    if context.downloads is None:
        return None
    before, after = looks
    fetched = Fetched(
        tree_sha256=_tree_sha256(workspace),
        command=job.argv,
        sandbox=context.sandbox.name,
        image_id=context.sandbox.image_id,
        exit_code=ended.exit_code or 0,
        duration_s=ended.duration_s,
        hosts=job.hosts,
        refused_hosts=ended.refused_hosts,
        unreached_hosts=ended.unreached_hosts,
        logs=(job.stdout_path, job.stderr_path),
    )
    try:
        return context.downloads.record(workspace.tree, before, after, fetched)
    except Unrepeatable:
        return None


def changed_since(context: Context, submission: Submission, recording: Recording) -> list[Finding]:
    """Compare a recording with the newest older one that brought something else."""
    if context.downloads is None:
        return []
    older = (one for one in context.downloads.history(recording.key) if isinstance(one, Recording))
    policy = context.assignment.late
    deadline = deadline_of(policy, submission.extension) if policy else None
    for one in older:
        if one.fetched_at < recording.fetched_at and (found := change(one, recording, context, deadline)):
            return [found]
    return []


def change(old: Recording, new: Recording, context: Context, deadline: datetime | None) -> Finding | None:
    """Give the finding for what differs between two recordings, or None where nothing does.

    It is a warning where the adapter differs and the newer fetch was after the deadline, else a remark.

    Args:
        old: The earlier one.
        new: The later one.
        context: Says where the adapter lies.
        deadline: The student's, if the assignment has one.
    """
    before, after = ({one.path: one for one in each.entries} for each in (old, new))
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if not paths and set(old.removed) == set(new.removed):
        return None
    folder = f"{quote(context.assignment.adapter.path)}/"
    adapter = [path for path in paths if path.startswith(folder)]
    weights = [path for path in adapter if path.endswith(f"/{WEIGHTS}")]
    late = bool(adapter) and deadline is not None and datetime.fromisoformat(new.fetched_at) > deadline
    what = message("files of the adapter") if adapter else message("files other than the adapter")
    if weights:
        what = message("the adapter's weights")
    first = (weights or adapter or paths or [""])[0]
    seen = message(
        "Between the fetches of {old} and {new}, {what} changed: `{path}` was {before} and is {after} ({count} paths "
        "differ).",
        old=when(old),
        new=when(new),
        what=what,
        path=first,
        before=_hash(before.get(first)),
        after=_hash(after.get(first)),
        count=len(paths),
    )
    return finding("FET012" if late else "FET011", seen, limit=_deadline_words(old, deadline, new))


def _deadline_words(old: Recording, deadline: datetime | None, new: Recording) -> Message:
    if deadline is None:
        return NOTHING
    old_in_time, new_in_time = (datetime.fromisoformat(one.fetched_at) <= deadline for one in (old, new))
    time = deadline.isoformat()
    if old_in_time and new_in_time:
        return message("the deadline {time} lies after both", time=time)
    if old_in_time:
        return message("the deadline {time} lies between the two", time=time)
    return message("the deadline {time} lies before both", time=time)


def _hash(entry: Entry | None) -> Message:
    if entry is None:
        return message("not there")
    if entry.sha256:
        return verbatim(f"{entry.sha256[:_SHOWN]}…")
    return _KINDS[entry.kind]


def when(recording: Recording) -> str:
    """Give the time of a fetch as a reader wants it."""
    return datetime.fromisoformat(recording.fetched_at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _key(workspace: Workspace, job: Job) -> str:
    return key_of(_tree_sha256(workspace), job.argv)


def _tree_sha256(workspace: Workspace) -> str:
    return workspace.tree_digest.read_text(encoding="ascii").strip()
