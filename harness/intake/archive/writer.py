"""Writes the unpacked tree within a budget. Must not know where entries come from; makes only files and folders."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import EnvironmentFault
from harness.intake.archive.entries import OverBudget
from harness.intake.archive.names import RefusedName, folded
from harness.language import message
from harness.text import in_mb

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class TreeWriter:
    """Makes files and folders below `root`, an empty folder that nobody else writes to.

    Every byte is counted before it is written, so the disk never holds more than `max_bytes` of content, the file at
    `apart` left aside.
    """

    def __init__(self, root: Path, *, max_bytes: int, max_files: int, apart: tuple[str, ...] | None = None) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._apart = apart
        self._bytes = 0
        self._entries: dict[str, tuple[str, bool]] = {}

    def add_folder(self, parts: tuple[str, ...]) -> None:
        """Make a folder and those above it.

        Raises:
            RefusedName: It collides with an entry of another spelling or kind.
            OverBudget: Too many entries.
            EnvironmentFault: The machine cannot write.
        """
        for end in range(1, len(parts) + 1):
            if self._register(parts[:end], is_folder=True):
                with _writing():
                    path = self._root.joinpath(*parts[:end])
                    path.mkdir()
                    path.chmod(0o755)

    def add_file(self, parts: tuple[str, ...], chunks: Iterable[bytes], *, executable: bool) -> None:
        """Write a file, mode 0644 or 0755, and make the folders above it.

        Raises:
            RefusedName: It collides with an entry that is there.
            OverBudget: Too many entries or bytes; the file then holds what was within the budget.
            EnvironmentFault: The machine cannot write.
        """
        self.add_folder(parts[:-1])
        self._register(parts, is_folder=False)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _writing():
            descriptor = os.open(self._root.joinpath(*parts), flags, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in chunks:
                if parts != self._apart:
                    self._count(len(chunk))
                with _writing():
                    _write_all(file.fileno(), chunk)
            with _writing():
                os.fchmod(file.fileno(), 0o755 if executable else 0o644)

    def _register(self, parts: tuple[str, ...], *, is_folder: bool) -> bool:
        """Note an entry; False if it is a folder that is there already."""
        path = "/".join(parts)
        known = self._entries.get(folded(path))
        if known is not None:
            if known == (path, True) and is_folder:
                return False
            if known == (path, is_folder):
                raise RefusedName(message("it is there twice"))
            raise RefusedName(message("it collides with `{name}`", name=known[0]))
        if len(self._entries) >= self._max_files:
            raise OverBudget(message("more than {count} files and folders", count=self._max_files))
        self._entries[folded(path)] = (path, is_folder)
        return True

    def _count(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        if self._bytes > self._max_bytes:
            raise OverBudget(message("more than {size}", size=in_mb(self._max_bytes)))


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        remedy = "Check that the run folder can be written to."
        if problem.errno in _FULL:
            remedy = "Free space on the disk that holds the run folder, or choose another run folder."
        raise EnvironmentFault(f"cannot write the unpacked submission: {problem.strerror}", remedy=remedy) from problem
