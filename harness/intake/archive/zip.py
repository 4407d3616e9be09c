"""Reads a zip. Must not trust what it says about itself: neither sizes, nor the length of its directory, nor names."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.intake.archive.entries import BadArchive, Entry, EntryKind, kind_of_file, reading
from harness.language import message

_DIRECTORY_BYTES = 1_000_000
_DIRECTORY_BYTES_PER_FILE = 1024
_MOST_DIRECTORY_BYTES = 4_000_000
_ENCRYPTED = 0x1 | 0x40
_UTF8_NAMES = 0x800
_UNICODE_PATH = 0x7075
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class _BoundedFile(io.FileIO):
    """A file that gives at most `most_bytes` at a time: `zipfile` reads the whole directory with one call."""

    def __init__(self, path: Path | int, most_bytes: int) -> None:
        super().__init__(path, closefd=not isinstance(path, int))
        self._most_bytes = most_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        most = self._most_bytes + 1
        data = super().read(most if size is None or size < 0 else min(size, most)) or b""
        if len(data) == most:
            raise BadArchive(message("its directory of files is larger than {most} bytes", most=self._most_bytes))
        return data


def read_zip(path: Path, *, max_files: int) -> Iterator[Entry]:
    """Give the entries of a zip.

    Raises:
        BadArchive: Damaged, truncated, encrypted, or packed in a way that few tools can unpack.
    """
    with _BoundedFile(path, _DIRECTORY_BYTES + max_files * _DIRECTORY_BYTES_PER_FILE) as file:
        with reading(path.name):
            archive = zipfile.ZipFile(file)
        with archive:
            for info in archive.infolist():
                yield _entry(archive, info)


def names_in_zip(file: IO[bytes]) -> tuple[str, ...]:
    """Give the names in the directory of an open zip.

    Raises:
        BadArchive: Its directory is damaged, or larger than some megabytes.
    """
    bounded = _BoundedFile(file.fileno(), _MOST_DIRECTORY_BYTES)
    with bounded, reading("a zip"), zipfile.ZipFile(bounded) as archive:
        return tuple(archive.namelist())


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    if info.flag_bits & _ENCRYPTED:
        raise BadArchive(message("it is encrypted with a password"))
    if info.compress_type not in _METHODS:
        raise BadArchive(
            message("it is packed with method {method}; plain zip (deflate) is read here", method=info.compress_type)
        )
    is_utf8 = bool(info.flag_bits & _UTF8_NAMES)
    raw_name = info.orig_filename.encode("utf-8" if is_utf8 else "cp437")
    unicode_name = _unicode_path(info.extra, raw_name)

    def open_content() -> IO[bytes]:
        return archive.open(info)

    return Entry(
        raw_name=unicode_name or raw_name,
        is_utf8=is_utf8 or unicode_name is not None,
        kind=_kind(info),
        executable=bool(_mode(info) & stat.S_IXUSR),
        open=open_content,
    )


def _unicode_path(extra: bytes, raw_name: bytes) -> bytes | None:
    """Give the name in UTF-8 that some packers write beside one in an old encoding (APPNOTE.TXT, section 4.6.9).

    It counts only where its check sum says that it belongs to the name in the header.
    """
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) == size > 5:
            version, checksum = struct.unpack_from("<BL", field)
            if version == 1 and checksum == zlib.crc32(raw_name):
                return field[5:]
    return None


def _mode(info: zipfile.ZipInfo) -> int:
    return info.external_attr >> 16


def _kind(info: zipfile.ZipInfo) -> EntryKind:
    form = stat.S_IFMT(_mode(info))
    if form == stat.S_IFLNK:
        return EntryKind.LINK
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return EntryKind.SPECIAL
    is_folder = form == stat.S_IFDIR or info.orig_filename.endswith(("/", "\\"))
    return EntryKind.FOLDER if is_folder else kind_of_file(_mode(info))
