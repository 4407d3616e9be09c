"""Reads a tar, plain or compressed, in one pass forward. Must not trust sizes in headers, nor that an end is an end."""

import io
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from harness.intake.archive.compressed import decompressed
from harness.intake.archive.entries import BadArchive, Entry, EntryKind, OverBudget, kind_of_file, reading
from harness.language import message
from harness.text import in_mb

_STEP_BYTES = 64 * 1024
_HEADER_BYTES = 1_000_000
_END_OF_ARCHIVE = bytes(tarfile.BLOCKSIZE)


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
            raise BadArchive(message("a header points backwards"))
        while self._position < offset:
            if not self.read(min(_STEP_BYTES, offset - self._position)):
                raise BadArchive(message("it ends too early"))
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise BadArchive(message("it has a header of more than {most} bytes", most=_HEADER_BYTES))
        self.last = self._stream.read(size)
        self._position += len(self.last)
        if self._position > self._most_bytes:
            raise BadArchive(message("it holds more than {most} bytes when decompressed", most=self._most_bytes))
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
        BadArchive: Damaged or truncated, or more than `max_stream_bytes` when decompressed.
        OverBudget: It is larger than that while still compressed.
    """
    with path.open("rb") as file, decompressed(file) as stream:
        # A tar that is not compressed is bounded while it is read, and may hold more that is left out.
        if stream is not file and (file_bytes := path.stat().st_size) > max_stream_bytes:
            raise OverBudget(
                message(
                    "more than {size}: it takes {taken:.1f} MB itself",
                    size=in_mb(max_stream_bytes),
                    taken=file_bytes / 1e6,
                )
            )
        forward = _Forward(stream, max_stream_bytes)
        with reading(path.name):
            tar = tarfile.TarFile(fileobj=cast(IO[bytes], forward), encoding="utf-8", errors="surrogateescape")
        while (member := _next(tar, path.name)) is not None:
            yield _entry(tar, member, path.name)
        with reading(path.name):
            if forward.last != _END_OF_ARCHIVE:
                raise BadArchive(message("it is cut off or damaged: the mark at the end of a tar is missing"))
            forward.drain()


def _next(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo | None:
    with reading(name):
        member = tar.next()
    tar.members = []  # type: ignore[attr-defined]  # tarfile would keep every member for random access
    return member


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Entry:
    def open_content() -> IO[bytes]:
        content = tar.extractfile(member)
        if content is None:
            raise BadArchive(message("an entry has no content"))
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
    return kind_of_file(member.mode) if member.isreg() else EntryKind.SPECIAL
