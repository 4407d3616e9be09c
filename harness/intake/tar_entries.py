"""Reads a tar, plain or compressed, in one pass forward. Must not trust sizes in headers, nor that an end is an end."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from harness.intake.entries import BadArchive, Entry, EntryKind, reading

_STEP_BYTES = 64 * 1024
_HEADER_BYTES = 1_000_000
_END_OF_ARCHIVE = bytes(tarfile.BLOCKSIZE)

Opener = Callable[[BinaryIO], IO[bytes]]
OPENERS: tuple[tuple[bytes, Opener], ...] = (
    (b"\x1f\x8b", lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file))),
    (b"BZh", lambda file: cast(IO[bytes], bz2.open(file))),  # noqa: SIM115 - read_tar closes it
    (b"\xfd7zXZ\x00", lambda file: cast(IO[bytes], lzma.open(file))),  # noqa: SIM115 - read_tar closes it
)


class _Forward(io.RawIOBase):
    """A stream that `tarfile` can read: only forward, no header above a bound, and no more than `most_bytes` at all."""

    def __init__(self, stream: IO[bytes], most_bytes: int) -> None:
        super().__init__()
        self._stream = stream
        self._most_bytes = most_bytes
        self._position = 0
        self.last = b""

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise BadArchive("a header points backwards")
        while self._position < offset:
            if not self.read(min(_STEP_BYTES, offset - self._position)):
                raise BadArchive("it ends too early")
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise BadArchive(f"it has a header of more than {_HEADER_BYTES} bytes")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        if self._position > self._most_bytes:
            raise BadArchive(f"it holds more than {self._most_bytes} bytes when decompressed")
        return self.last

    def drain(self) -> None:
        """Read to the end, so that a compressed stream's check sum is compared."""
        while self.read(_STEP_BYTES):
            pass


def read_tar(path: Path, *, max_stream_bytes: int) -> Iterator[Entry]:
    """Give the entries of a tar, decompressed while reading.

    Args:
        path: The archive; its first bytes tell the compression.
        max_stream_bytes: Most bytes to decompress, headers and left-out entries included.

    Raises:
        BadArchive: Damaged or truncated, or more than `max_stream_bytes`.
    """
    with path.open("rb") as file, _opened(file) as stream:
        forward = _Forward(stream, max_stream_bytes)
        with reading(path.name):
            tar = tarfile.TarFile(fileobj=cast(IO[bytes], forward), encoding="utf-8", errors="surrogateescape")
        while (member := _next(tar, path.name)) is not None:
            yield _entry(tar, member, path.name)
        with reading(path.name):
            if forward.last != _END_OF_ARCHIVE:
                raise BadArchive("it is cut off or damaged: the mark at the end of a tar is missing")
            forward.drain()


def _opened(file: BinaryIO) -> IO[bytes]:
    start = file.read(6)
    file.seek(0)
    for magic, opener in OPENERS:
        if start.startswith(magic):
            return opener(file)
    return file


def _next(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo | None:
    with reading(name):
        member = tar.next()
    tar.members = []  # type: ignore[attr-defined]  # tarfile would keep every member for random access
    return member


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Entry:
    def open_content() -> IO[bytes]:
        content = tar.extractfile(member)
        if content is None:
            raise BadArchive("an entry has no content")
        return content

    with reading(name):
        return Entry(
            raw_name=member.name.encode("utf-8", "surrogateescape"),
            is_utf8=True,
            kind=_kind(member),
            executable=bool(member.mode & stat.S_IXUSR),
            open=open_content,
        )


def _kind(member: tarfile.TarInfo) -> EntryKind:
    if member.issym() or member.islnk():
        return EntryKind.LINK
    if member.issparse():
        return EntryKind.SPARSE
    if member.isdir():
        return EntryKind.FOLDER
    return EntryKind.FILE if member.isreg() else EntryKind.SPECIAL
