"""Makes the folders that a container may write to its user's own. Must not know an engine."""

import os
from collections.abc import Iterable
from pathlib import Path

from harness.sandbox.interface import Mount


def make_writable_sources(mounts: Iterable[Mount]) -> None:
    """Make the folders of writable mounts that are not there yet.

    Raises:
        OSError: A folder cannot be made.
    """
    for mount in mounts:
        if mount.writable and not mount.source.exists():
            mount.source.mkdir(parents=True, exist_ok=True)


def hand_over(mounts: Iterable[Mount], *, uid: int, gid: int) -> None:
    """Give all that lies in writable mounts to another user. Links themselves are given, never what they point to.

    Raises:
        OSError: The owner cannot be changed; only root may.
    """
    for mount in mounts:
        if mount.writable:
            _give(mount.source, uid, gid)


def _give(root: Path, uid: int, gid: int) -> None:
    waiting = [root.resolve()]
    while waiting:
        path = waiting.pop()
        os.chown(path, uid, gid, follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            waiting.extend(path.iterdir())
