"""Reads a submission that was given as a folder. Follows no link, and never goes into the folder it is copied to."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from harness.intake.archive.entries import BadArchive, Entry, EntryKind, kind_of_file, reading
from harness.intake.archive.names import MAX_DEPTH, is_ignored
from harness.language import message


def read_folder(folder: Path, *, ignored: Sequence[str], skipped: Path) -> Iterator[Entry]:
    """Give the entries below `folder`, each folder before what it holds.

    Args:
        folder: What was handed in.
        ignored: Patterns; an ignored folder is not looked into.
        skipped: A folder that may lie inside `folder` and is left out: the one being written.

    Raises:
        ConfigError: A file or folder cannot be read.
    """
    status = skipped.stat()
    yield from _walk(folder, (), ignored=ignored, skipped=(status.st_dev, status.st_ino))


def _walk(folder: Path, above: tuple[str, ...], *, ignored: Sequence[str], skipped: tuple[int, int]) -> Iterator[Entry]:
    with reading("/".join(above) or folder.name):
        items = sorted(os.scandir(folder), key=lambda item: item.name)
    for item in items:
        parts = (*above, item.name)
        if is_ignored(parts, ignored, wrapped=False):
            continue
        with reading("/".join(parts)):
            status = item.stat(follow_symlinks=False)
        if (status.st_dev, status.st_ino) == skipped:
            continue
        yield _entry(Path(item.path), parts, status)
        # One level more than is allowed is shown to the caller, who refuses it; deeper ones are not visited.
        if stat.S_ISDIR(status.st_mode) and len(parts) <= MAX_DEPTH:
            yield from _walk(Path(item.path), parts, ignored=ignored, skipped=skipped)


def _entry(path: Path, parts: tuple[str, ...], status: os.stat_result) -> Entry:
    def open_content() -> IO[bytes]:
        # O_NONBLOCK: should the file have become a pipe since the look at it, opening must not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadArchive(message("a file changed while it was read"))
        return os.fdopen(descriptor, "rb")

    return Entry(
        raw_name=os.fsencode("/".join(parts)),
        is_utf8=True,
        kind=_kind(status.st_mode),
        executable=bool(status.st_mode & stat.S_IXUSR),
        open=open_content,
    )


def _kind(mode: int) -> EntryKind:
    if stat.S_ISREG(mode):
        return kind_of_file(mode)
    if stat.S_ISDIR(mode):
        return EntryKind.FOLDER
    return EntryKind.LINK if stat.S_ISLNK(mode) else EntryKind.SPECIAL
