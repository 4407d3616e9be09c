"""The store of recorded downloads: `blobs/`, and `recordings/KEY/TIME-*.json`, of which none ever replaces another.

Any number of threads and harnesses may record and replay at once; who prunes has the store alone for that time. Must
not know how a fetch is run or judged.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import ConfigError
from harness.files import remove_tree, write_whole
from harness.intake.downloads.blobs import BlobStore, Damaged, Putting
from harness.intake.downloads.tree import Seen, apply, changes, opened
from harness.language import message
from harness.model.download import Recording
from harness.schema.download import NotARecording, read_recording, recording_text


def key_of(tree_sha256: str, command: Sequence[str]) -> str:
    """Give the key of a fetch: the submission as handed in, and the command that fetches."""
    told = json.dumps([tree_sha256, list(command)], ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A fetch that went well and is to be recorded.

    Attributes:
        tree_sha256: SHA-256 of the submission as it was handed in.
        logs: What it printed: standard output, standard error.
    """

    tree_sha256: str
    command: tuple[str, ...]
    sandbox: str
    image_id: str | None
    exit_code: int
    duration_s: float
    hosts: tuple[str, ...]
    refused_hosts: tuple[str, ...]
    unreached_hosts: tuple[str, ...]
    logs: tuple[Path, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What pruning removed."""

    recordings: int
    blobs: int
    bytes: int


def _now() -> datetime:
    return datetime.now(UTC)


class DownloadStore:
    """Recordings and their blobs below `root`, which is made.

    Args:
        root: The store's folder, shared between runs.
        now: The clock.

    Raises:
        ConfigError: The folder cannot be made or written.
    """

    def __init__(self, root: Path, *, now: Callable[[], datetime] = _now) -> None:
        self.root = root
        self._now = now
        self._blobs = BlobStore(root)
        self._recordings = root / "recordings"
        self._lock = root / "lock"
        try:
            self._recordings.mkdir(parents=True, exist_ok=True)
            self._lock.touch()
        except OSError as error:
            raise ConfigError(
                f"The store of downloads {root} cannot be written: {error.strerror}.",
                remedy="Give a folder of yours with --downloads.",
            ) from error

    def record(
        self, tree: Path, before: Mapping[bytes, Seen], after: Mapping[bytes, Seen], fetched: Fetched
    ) -> Recording:
        """Keep what a fetch made of `tree`.

        Args:
            tree: The submission's folder, in which nothing runs any more.
            before: A look at it as it was handed in.
            after: A look at it now.
            fetched: How it came to this.

        Raises:
            Unrepeatable: It has something that cannot be made again; nothing is recorded.
            OSError: The store cannot be written.
        """
        entries, removed = changes(before, after)
        with self._locked(fcntl.LOCK_SH):
            with self._blobs.putting() as blobs:
                for one in entries:
                    if one.kind == "file":
                        with opened(tree, one.path) as source:
                            kept = blobs.put(source, sha256=one.sha256)
                        if kept != one.sha256:
                            raise OSError(f"{one.path} changed while it was recorded")
                stdout, stderr = (_put_log(blobs, path) for path in fetched.logs)
            recording = Recording(
                key=key_of(fetched.tree_sha256, fetched.command),
                tree_sha256=fetched.tree_sha256,
                command=fetched.command,
                fetched_at=self._now().astimezone(UTC).isoformat(timespec="milliseconds"),
                sandbox=fetched.sandbox,
                image_id=fetched.image_id,
                exit_code=fetched.exit_code,
                duration_s=round(fetched.duration_s, 3),
                hosts=fetched.hosts,
                refused_hosts=fetched.refused_hosts,
                unreached_hosts=fetched.unreached_hosts,
                stdout_sha256=stdout,
                stderr_sha256=stderr,
                entries=entries,
                removed=removed,
            )
            write_whole(self._place(recording), recording_text(recording).encode())
        return recording

    def _place(self, recording: Recording) -> Path:
        stamp = recording.fetched_at.removesuffix("+00:00").replace(":", "").replace("-", "")
        return self._recordings / recording.key / f"{stamp}Z-{uuid.uuid4().hex[:8]}.json"

    def history(self, key: str) -> Iterator[Recording | Damaged]:
        """Give a fetch's recordings, or what is wrong with one, the newest first, each read when its turn comes."""
        paths = (self._recordings / key).glob("*.json")
        yield from map(_read, sorted(paths, key=lambda path: path.name, reverse=True))

    def replay(self, recording: Recording, tree: Path, *, scratch: Path, logs: tuple[Path, Path]) -> None:
        """Make of `tree`, as it was handed in, what the recorded fetch made of it.

        Args:
            recording: One of this store's.
            tree: The submission's folder.
            scratch: A folder that is not there yet, on the same file system; gone afterwards.
            logs: Where standard output and standard error go.

        Raises:
            Damaged: A blob is gone or damaged; `tree` is as it was.
            OSError: The system refuses.
        """
        with self._locked(fcntl.LOCK_SH):
            try:
                scratch.mkdir()
                files: dict[str, Path] = {}
                for number, one in enumerate(recording.entries):
                    if one.sha256 is not None:
                        files[one.path] = scratch / str(number)
                        self._copy(one.sha256, files[one.path])
                for sha256, path in zip((recording.stdout_sha256, recording.stderr_sha256), logs, strict=True):
                    path.unlink(missing_ok=True)
                    self._copy(sha256, path)
                apply(tree, recording.entries, recording.removed, files=files)
            finally:
                remove_tree(scratch)

    def _copy(self, sha256: str, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            self._blobs.copy_to(sha256, descriptor)
        finally:
            os.close(descriptor)

    def sizes(self) -> Mapping[str, int]:
        """Give the size in bytes of each blob."""
        return self._blobs.sizes()

    def all(self) -> Iterator[tuple[Path, Recording | Damaged]]:
        """Give every recording, or what is wrong with it, in the order of keys and times."""
        yield from ((path, _read(path)) for path in sorted(self._recordings.glob("*/*.json")))

    def verify(self) -> Iterator[str]:
        """Hold every recording against its schema and every blob against its name; give what is wrong, in words."""
        with self._locked(fcntl.LOCK_SH):
            sound = {one: self._blobs.is_sound(one) for one in self._blobs.sizes()}
            yield from (f"the blob {one} is not what it was" for one, is_sound in sound.items() if not is_sound)
            for path, one in self.all():
                if isinstance(one, Damaged):
                    yield str(one)
                else:
                    lost = sorted(one.blobs - sound.keys())
                    yield from (
                        f"{path.relative_to(self.root)} needs the blob {sha256}, which is gone" for sha256 in lost
                    )

    def prune(self, *, before: datetime) -> Pruned:
        """Remove what was recorded before a time, and the blobs that no recording needs then.

        What is no readable recording stays. Whoever records or replays meanwhile is waited for.
        """
        with self._locked(fcntl.LOCK_EX):
            removed, needed = 0, set[str]()
            for path, one in self.all():
                if isinstance(one, Damaged):
                    continue
                if datetime.fromisoformat(one.fetched_at) < before:
                    path.unlink()
                    removed += 1
                else:
                    needed |= one.blobs
            sizes = {sha256: size for sha256, size in self._blobs.sizes().items() if sha256 not in needed}
            for sha256 in sizes:
                self._blobs.drop(sha256)
            self._blobs.drop_unfinished()
            for folder in self._recordings.iterdir():
                with contextlib.suppress(OSError):
                    folder.rmdir()
        return Pruned(recordings=removed, blobs=len(sizes), bytes=sum(sizes.values()))

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with self._lock.open("rb") as file:
            fcntl.flock(file, how)
            yield


def _put_log(blobs: Putting, path: Path) -> str:
    with path.open("rb") as file:
        return blobs.put(file.fileno())


def _read(path: Path) -> Recording | Damaged:
    name = f"{path.parent.name[:12]}/{path.name}"
    try:
        recording = read_recording(path.read_bytes(), path.name)
    except (NotARecording, OSError) as error:
        return Damaged(message("the recording {name} cannot be read: {reason}", name=name, reason=str(error)))
    return (
        recording
        if recording.key == path.parent.name
        else Damaged(message("the recording {name} is another fetch's", name=name))
    )
