"""Exclusive leases of GPUs by UUID, between the threads, processes and users of one machine. Must not ask a driver.

A lease is a lock (flock) on a small file that stays: the kernel frees the lock of a process that dies, however it does.
The file's text tells who holds it, for messages only. Lock files are never removed: removing one that somebody waits
for would let two in.
"""

import contextlib
import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import EnvironmentFault
from harness.text import visible

WELL_KNOWN = (Path("/run/lock"), Path("/tmp"))
FOLDER = "lora-harness-gpu"
_PAUSE_S = 0.5
_PATIENCE_S = 1.0
_MAX_NOTE_BYTES = 1_000
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Lease:
    """One GPU that nobody else has, until `release` or the end of the ``with`` block."""

    def __init__(self, uuid: str, descriptor: int) -> None:
        self.uuid = uuid
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lease: process, user, since when, and for what."""

    pid: int
    uid: int
    since: str
    purpose: str

    def __str__(self) -> str:
        return f"leased by process {self.pid} (user {self.uid}, {visible(self.purpose)}) since {visible(self.since)}"


def lease_folder(well_known: Sequence[Path] = WELL_KNOWN) -> Path:
    """Give the folder of the lock files, and make it.

    All users of a machine must come to the same folder, so it lies in the first of `well_known` that everybody may
    write to, not in the first that this user may.

    Raises:
        EnvironmentFault: There is none, or what lies at its place is no folder that all may use.
    """
    places = [one for one in well_known if _is_shared(one)]
    if not places:
        names = " and ".join(map(str, well_known))
        raise EnvironmentFault(
            f"GPU leases need a folder that all users share, and neither {names} is one.", remedy="chmod 1777 /tmp"
        )
    folder = places[0] / FOLDER
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)  # mkdir's mode would be cut by the umask
    give_up = time.monotonic() + _PATIENCE_S
    while not _is_shared(folder):  # somebody may be between mkdir and chmod
        if time.monotonic() > give_up:
            raise EnvironmentFault(
                f"The folder of the GPU leases, {folder}, cannot be used by all users.", remedy=f"chmod 1777 {folder}"
            )
        time.sleep(0.02)
    return folder


def lease_any(
    uuids: Sequence[str],
    *,
    folder: Path,
    purpose: str,
    timeout_s: float = 0.0,
    objection: Callable[[str], str | None] = lambda uuid: None,
) -> Lease:
    """Lease the first of the GPUs that is free; wait up to `timeout_s` for one.

    Args:
        uuids: The GPUs to choose from, in order of preference.
        folder: See `lease_folder`.
        purpose: A few words that tell others who waits for whom.
        timeout_s: How long to wait; 0 tries once.
        objection: Called under the lease: why this GPU is not free all the same (somebody computes there without a
            lease), or None.

    Raises:
        EnvironmentFault: None became free in time; the message names who holds each.
    """
    give_up = time.monotonic() + timeout_s
    while True:
        reasons = {}
        for uuid in uuids:
            found = _try(uuid, folder, purpose=purpose, objection=objection)
            if isinstance(found, Lease):
                return found
            reasons[uuid] = found
        left_s = give_up - time.monotonic()
        if left_s <= 0:
            raise _none_free(reasons, timeout_s)
        time.sleep(min(_PAUSE_S, left_s))


def _none_free(reasons: dict[str, str], timeout_s: float) -> EnvironmentFault:
    told = "; ".join(f"{uuid} is {why}" for uuid, why in reasons.items()) or "this machine has none"
    waited = f" within {timeout_s:g} s" if timeout_s else ""
    return EnvironmentFault(
        f"No GPU is free{waited}: {told}.", remedy="Wait until it is, end what computes there, or name another GPU."
    )


def _try(uuid: str, folder: Path, *, purpose: str, objection: Callable[[str], str | None]) -> Lease | str:
    path = folder / f"{uuid}.lock"
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _note_of(descriptor)
        if not _is_still(descriptor, path):
            return "just being leased by another process"
        why = objection(uuid)
        if why is None:
            _write_note(descriptor, purpose)
            lease, descriptor = Lease(uuid, descriptor), -1
            return lease
        return why
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _open(path: Path) -> int:
    """Open the lock file of all users; whoever comes first makes it.

    It is never opened with O_CREAT: in a sticky folder the kernel refuses that flag for another user's file
    (fs.protected_regular). It appears with its final mode, so that nobody meets one that only its maker may open.
    """
    try:
        if not path.exists():
            descriptor, fresh = tempfile.mkstemp(dir=path.parent)
            try:
                os.fchmod(descriptor, 0o666)
                with contextlib.suppress(FileExistsError):
                    os.link(fresh, path)
            finally:
                os.close(descriptor)
                Path(fresh).unlink()
        return os.open(path, _OPEN)
    except OSError as error:
        raise EnvironmentFault(
            f"The lock of a GPU, {path}, cannot be opened: {error.strerror}.",
            remedy=f"See who owns it; `chmod 666 {path}` lets everybody take part.",
        ) from error


def _is_still(descriptor: int, path: Path) -> bool:
    """Tell whether the locked file is still the one at `path`: its folder's owner may have removed it."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _is_shared(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & 0o1002 == 0o1002


def _write_note(descriptor: int, purpose: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    note = {"pid": os.getpid(), "uid": os.getuid(), "since": since, "purpose": purpose[:200]}
    with contextlib.suppress(OSError):  # a full disk takes the note, not the lock
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)


def _note_of(descriptor: int) -> str:
    """Tell who holds it, as far as a file that any user may write to can be believed."""
    try:
        note = json.loads(os.pread(descriptor, _MAX_NOTE_BYTES, 0))
        return str(
            Holder(pid=int(note["pid"]), uid=int(note["uid"]), since=str(note["since"]), purpose=str(note["purpose"]))
        )
    except (OSError, ValueError, TypeError, KeyError):
        return "leased by another process"
