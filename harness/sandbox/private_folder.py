"""A temporary folder for one job, gone after it; what a killed harness left is found again. Must not know of jobs."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.errors import SandboxFault
from harness.files import remove_tree
from harness.sandbox.owner import is_alive, this_host, this_owner

_PREFIX = "lora-harness_"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only this user can enter; its name tells which process it belongs to.

    Raises:
        OSError: It cannot be made.
        SandboxFault: It cannot be removed.
    """
    owner = this_owner().replace(":", "_")
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_pid_namespace()}_{owner}_"))
    try:
        yield folder
    finally:
        _remove(folder)


def reap_folders() -> int:
    """Remove the folders that a dead harness of this user and machine left behind; give their number.

    Raises:
        SandboxFault: One cannot be removed.
    """
    orphans = [one for one in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*_*_*_*") if _is_orphan(one)]
    for folder in orphans:
        _remove(folder)
    return len(orphans)


def _is_orphan(folder: Path) -> bool:
    namespace, pid, start, _ = folder.name.removeprefix(_PREFIX).split("_", 3)
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and namespace == _pid_namespace()
    return ours and not is_alive(f"{pid}:{start}")


def _pid_namespace() -> str:
    """A pid means nothing in another pid namespace, whose processes may share our temporary folder."""
    return this_host().rpartition(":")[2]


def _remove(folder: Path) -> None:
    try:
        remove_tree(folder)
    except OSError as error:
        raise SandboxFault(
            f"A job's temporary folder {folder} could not be removed: {error.strerror}.",
            remedy="Remove it by hand and grade again.",
        ) from error
