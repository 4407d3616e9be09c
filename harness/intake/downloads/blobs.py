"""Files kept under their SHA-256, written whole or not at all. Must not know what they are for.

A blob is read-only, never mounted and never linked to: who wants it gets a copy, which is checked on the way.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.language import WordedError, message

_PART_BYTES = 1 << 20
_FOLDER = "blobs"
_TEMPORARY = "tmp"
_MANY = 100


class Damaged(WordedError):
    """What the store holds is gone or not what was put in; the text says which file."""


class BlobStore:
    """Blobs below `root`, for any number of threads and processes at once.

    Args:
        root: A folder, made when the first blob is put.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextlib.contextmanager
    def putting(self) -> Iterator["Putting"]:
        """Give what takes in blobs for the time of the block; they are all there when it ends well, else none.

        Raises:
            OSError: The store cannot be written.
        """
        folder = self._root / _TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        putting = Putting(self, folder)
        try:
            yield putting
            putting.finish()
        finally:
            putting.drop()

    def copy_to(self, sha256: str, target: int) -> None:
        """Write a blob to a descriptor.

        Raises:
            Damaged: It is not there, or not what its name says; what was written is then worth nothing.
            OSError: The copy cannot be written.
        """
        with self._open(sha256) as source:
            if _copy(source, target) != sha256:
                raise Damaged(message("the blob {sha256} is not what it was", sha256=sha256))

    def is_sound(self, sha256: str) -> bool:
        """Tell whether the blob is there and is what its name says."""
        try:
            with self._open(sha256) as source:
                return _copy(source, None) == sha256
        except Damaged:
            return False

    def sizes(self) -> dict[str, int]:
        """Give the size in bytes of every blob."""
        return {one.name: one.stat().st_size for one in (self._root / _FOLDER).glob("??/*")}

    def drop(self, sha256: str) -> None:
        """Remove a blob."""
        self.path(sha256).unlink(missing_ok=True)

    def drop_unfinished(self) -> None:
        """Remove what a killed harness left half written; nobody may be putting anything meanwhile."""
        for one in (self._root / _TEMPORARY).glob("*"):
            one.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _open(self, sha256: str) -> Iterator[int]:
        try:
            descriptor = os.open(self.path(sha256), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise Damaged(
                message(
                    "the blob {sha256} cannot be read: {reason}",
                    sha256=sha256,
                    reason=os.strerror(error.errno or 0).lower(),
                )
            ) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def path(self, sha256: str) -> Path:
        """Tell where a blob lies, if it is there."""
        return self._root / _FOLDER / sha256[:2] / sha256


class Putting:
    """Blobs on their way into a store; made by `BlobStore.putting`."""

    def __init__(self, store: BlobStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._new: dict[str, Path] = {}

    def put(self, source: int, *, sha256: str | None = None) -> str:
        """Keep what is read from a descriptor, and give its SHA-256.

        Args:
            source: An open file, at its start.
            sha256: What it probably is: where a sound blob of this name is there, nothing is written.

        Raises:
            OSError: It cannot be read, or the store cannot be written.
        """
        if sha256 is not None and (sha256 in self._new or self._store.is_sound(sha256)):
            return sha256
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            found = _copy(source, descriptor)
            os.fchmod(descriptor, 0o444)
        except BaseException:
            Path(name).unlink()
            raise
        finally:
            os.close(descriptor)
        if found in self._new:
            Path(name).unlink()
        else:
            self._new[found] = Path(name)
        return found

    def finish(self) -> None:
        """Bring all to the disk, then under their names: many small files at once, or it takes a minute."""
        if len(self._new) > _MANY:
            os.sync()
        else:
            for temporary in self._new.values():
                _sync(temporary)
        for sha256, temporary in self._new.items():
            place = self._store.path(sha256)
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(place)

    def drop(self) -> None:
        """Remove what did not get its name."""
        for temporary in self._new.values():
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: int, target: int | None) -> str:
    digest = hashlib.sha256()
    while part := os.read(source, _PART_BYTES):
        digest.update(part)
        view = memoryview(part)
        while target is not None and view:
            view = view[os.write(target, view) :]
    return digest.hexdigest()
