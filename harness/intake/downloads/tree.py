"""What lies below a folder, how two looks at it differ, and how the difference is made again elsewhere.

The paths are a student's: bytes, of any name and depth. Nothing is opened but relative to its own folder, and no link
is followed, neither to look nor to write.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG
from typing import Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from harness.model.download import Entry

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing below a folder. `sha256` is None of what is no plain file, or none that can be read."""

    kind: Literal["file", "link", "folder", "other"]
    mode: int
    size_bytes: int
    sha256: str | None = None
    target: bytes | None = None


class Unrepeatable(Exception):
    """The difference has something that cannot be made again: a pipe, a socket, an unreadable file."""


def look(root: Path) -> dict[bytes, Seen]:
    """Tell of everything below `root` by its path from there."""
    found = {}
    top = os.fsencode(root)
    for folder, folders, names, descriptor in os.fwalk(top):
        for name in (*folders, *names):
            found[os.path.relpath(os.path.join(folder, name), top)] = _seen(name, descriptor)  # noqa: PTH118
    return found


def _seen(name: bytes, folder: int) -> Seen:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    mode = S_IMODE(status.st_mode) & 0o777
    if S_ISREG(status.st_mode):
        return Seen(kind="file", mode=mode, size_bytes=status.st_size, sha256=_sha256(name, folder))
    if S_ISLNK(status.st_mode):
        return Seen(kind="link", mode=mode, size_bytes=status.st_size, target=os.readlink(name, dir_fd=folder))
    return Seen(kind="folder" if S_ISDIR(status.st_mode) else "other", mode=mode, size_bytes=0)


def _sha256(name: bytes, folder: int) -> str | None:
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except PermissionError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changes(before: Mapping[bytes, Seen], after: Mapping[bytes, Seen]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Give what must be brought and what removed to make `after` of `before`.

    What became a thing of another kind is in both.

    Raises:
        Unrepeatable: See there.
    """
    gone = [path for path, one in before.items() if path not in after or after[path].kind != one.kind]
    new = [(path, one) for path, one in sorted(after.items()) if before.get(path) != one]
    return tuple(_entry(path, one) for path, one in new), tuple(_quoted(path) for path in sorted(gone))


def _entry(path: bytes, one: Seen) -> Entry:
    if one.kind == "other" or (one.kind == "file" and one.sha256 is None):
        raise Unrepeatable(os.fsdecode(path))
    return Entry(
        path=_quoted(path),
        kind=one.kind,
        mode=one.mode,
        bytes=one.size_bytes if one.kind == "file" else 0,
        sha256=one.sha256,
        target=None if one.target is None else _quoted(one.target),
    )


def _quoted(path: bytes) -> str:
    return quote_from_bytes(path, safe="/")


@contextlib.contextmanager
def opened(root: Path, path: str) -> Iterator[int]:
    """Open a plain file below `root`, whose path is percent-encoded.

    Raises:
        OSError: It is not there, or behind a link.
    """
    with _parent(root, path) as (folder, name):
        descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def apply(root: Path, entries: tuple[Entry, ...], removed: tuple[str, ...], *, files: Mapping[str, Path]) -> None:
    """Make the difference again below `root`; links come last, so that nothing is written through one.

    Everybody may read what it makes: the container that made it first had its own user.

    Args:
        root: The submission as it was handed in.
        entries: What to bring.
        removed: What to remove first; a folder is empty when its turn comes.
        files: Of each path of a file, one with its content on the same file system, which is moved.

    Raises:
        OSError: The system refuses, or a path leads through a link or out of `root`.
    """
    for path in sorted(removed, key=_depth, reverse=True):
        with _parent(root, path) as (folder, name):
            is_folder = S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            (os.rmdir if is_folder else os.unlink)(name, dir_fd=folder)
    # A folder sorts before what is in it.
    for one in sorted(entries, key=lambda one: (_ORDER.index(one.kind), _depth(one.path))):
        with _parent(root, one.path) as (folder, name):
            _make(one, name, folder, files)


_ORDER = ("folder", "file", "link")


def _make(one: Entry, name: bytes, folder: int, files: Mapping[str, Path]) -> None:
    match one.kind:
        case "folder":
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
            descriptor = os.open(name, _FOLDER, dir_fd=folder)
            try:
                os.fchmod(descriptor, one.mode | 0o755)
            finally:
                os.close(descriptor)
        case "file":
            files[one.path].chmod(one.mode | 0o444)
            os.rename(files[one.path], name, dst_dir_fd=folder)
        case "link":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            os.symlink(unquote_to_bytes(one.target or ""), name, dir_fd=folder)


@contextlib.contextmanager
def _parent(root: Path, path: str) -> Iterator[tuple[int, bytes]]:
    """Open the folder of a path and give it with the path's last name."""
    *parents, name = unquote_to_bytes(path).split(b"/")
    for part in (*parents, name):
        if part in {b"", b".", b".."} or b"\0" in part:
            raise PermissionError(f"{path} is no path below the submission")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parents:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder, name
    finally:
        os.close(folder)


def _depth(path: str) -> int:
    return path.count("/")
