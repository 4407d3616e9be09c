"""How much disk the files below some folders take, and a watch over it. Must not know who writes there.

The folders belong to a hostile program that runs meanwhile: links are never followed, not even when a folder turns
into one between two looks (every folder is opened relative to its parent, with O_NOFOLLOW).
"""

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

UNCOUNTABLE = sys.maxsize
_MAX_DEPTH = 64
_MAX_FILES = 1_000_000
_PAUSE_S = 0.3
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def usage_bytes(paths: Iterable[Path]) -> int:
    """Sum the blocks that the files at and below `paths` take, in bytes; a file with several hard links counts once.

    Files that vanish meanwhile count nothing. What cannot be counted (a folder without permission or nested deeper than
    64, more than a million files) gives `UNCOUNTABLE`, more than any limit: hiding files must not pay.

    Raises:
        OSError: The disk cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    try:
        return sum(_entry_bytes(str(path), None, seen=seen, depth=0) for path in paths)
    except (_UncountableError, PermissionError):
        return UNCOUNTABLE


def unlinked_bytes(pids: Iterable[int], devices: frozenset[int]) -> int:
    """Sum the blocks of files on `devices` that have no name any more and that one of the processes still holds open.

    Nothing is counted of processes that may not be looked at (another user's, where we are not root).
    """
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = Path(folder, entry.name).stat()
                    if status.st_nlink == 0 and status.st_dev in devices:
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def no_processes() -> Iterable[int]:
    """Name no process."""
    return ()


class _UncountableError(Exception):
    """A folder lies too deep, or there are too many files."""


def _entry_bytes(name: str, parent: int | None, *, seen: set[tuple[int, int]], depth: int) -> int:
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    key = (found.st_dev, found.st_ino)
    if key in seen:
        return 0
    if len(seen) >= _MAX_FILES:
        raise _UncountableError
    seen.add(key)
    own = found.st_blocks * 512
    is_folder = (found.st_mode & 0o170000) == 0o040000
    return own + (_folder_bytes(name, parent, seen=seen, depth=depth) if is_folder else 0)


def _folder_bytes(name: str, parent: int | None, *, seen: set[tuple[int, int]], depth: int) -> int:
    if depth >= _MAX_DEPTH:
        raise _UncountableError
    try:
        folder = os.open(name, _OPEN_FOLDER, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        if error.errno == errno.ELOOP:  # it has just become a link
            return 0
        raise
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
        return sum(_entry_bytes(one, folder, seen=seen, depth=depth + 1) for one in names)
    finally:
        os.close(folder)


class DiskWatch:
    """A thread that looks at the usage of `paths` again and again until stopped, and calls `on_over` once if too much.

    Files that `pids` hold open without a name count too. It looks about every 0.3 s, less often where one look takes
    long, so as to take no more than a fifth of a core.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        *,
        limit_bytes: int,
        on_over: Callable[[], None],
        pids: Callable[[], Iterable[int]] = no_processes,
    ) -> None:
        self._paths = tuple(paths)
        self._pids = pids
        self._limit_bytes = limit_bytes
        self._on_over = on_over
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="disk-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def is_over(self) -> bool:
        """Look once, now: is the usage above the limit?

        Raises:
            OSError: The disk cannot be read.
        """
        if not self._paths:
            return False
        devices = frozenset(path.stat().st_dev for path in self._paths)
        return usage_bytes(self._paths) + unlinked_bytes(self._pids(), devices) > self._limit_bytes

    def _look(self) -> None:
        pause_s = _PAUSE_S
        while not self._stop.wait(pause_s):
            began = time.monotonic()
            try:
                over = self.is_over()
            except OSError:
                return  # the last look, after the end, meets it again where it can be raised
            if over:
                self._on_over()
                return
            pause_s = max(_PAUSE_S, 4 * (time.monotonic() - began))
