"""Opens a compressed file by its first bytes, to be read forward in bounded memory. Knows nothing of what is inside.

gzip and bzip2 need little memory by their formats; xz and zstd take as much as the file's header asks for, up to 4 GB,
and so are given a limit.
"""

import bz2
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import IO, BinaryIO, Protocol, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# `xz -9` needs 65 MiB to unpack, `zstd --long` a window of 2^27 bytes, which is also what zstd takes unless told.
XZ_MEMORY_BYTES = 128 * 1024 * 1024
ZSTD_WINDOW_LOG = 27
# `bgzip` makes the most parts of what is used: one for 64 KB, so that this is 650 MB.
MOST_PARTS = 10_000

_STEP_BYTES = 64 * 1024
_MAGIC_BYTES = 6
_GZIP_MEMBER = zlib.MAX_WBITS | 16  # the header and the check sum are read too; zlib's manual, `inflateInit2`

Opener = Callable[[BinaryIO], IO[bytes]]
ZstdError = zstd.ZstdError


class TooManyParts(Exception):
    """A compressed file is made of more parts than any packer makes; the text says of how many."""


class _Decoder(Protocol):
    """What the decompressors of `bz2`, `lzma` and `zstd` have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """A `_Decoder` of one member of a gzip file; `zlib` leaves input that it did not take to the caller."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_GZIP_MEMBER)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)


class _Parts(io.RawIOBase):
    """Reads a compressed file, part by part: members of gzip, streams of bzip2 and xz, frames of zstd.

    What the standard library's files do, but with the decoder that is given, and with a limit on the parts: each costs
    some microseconds and need hold nothing, so that there is no other bound on the time that a file takes.
    """

    def __init__(self, file: BinaryIO, new: Callable[[], _Decoder], *, padding: bytes) -> None:
        super().__init__()
        self._file = file
        self._new = new
        self._decoder = new()
        self._padding = padding
        self._input = b""
        self._parts = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io passes a memoryview
        while not self._decoder.eof or self._begin_next():
            if self._decoder.needs_input and not self._input:
                self._input = self._file.read(_STEP_BYTES)
                if not self._input:
                    raise EOFError("it ended before the end-of-stream marker")
            data = self._decoder.decompress(self._input, len(buffer))
            self._input = b""
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0

    def _begin_next(self) -> bool:
        """Go to the next part, if there is one: parts may follow one another, in some formats with zeros between."""
        rest = self._decoder.unused_data.lstrip(self._padding)
        while not rest:
            step = self._file.read(_STEP_BYTES)
            if not step:
                return False
            rest = step.lstrip(self._padding)
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise TooManyParts(f"its compressed data are in more than {MOST_PARTS} parts")
        self._decoder, self._input = self._new(), rest
        return True


def _xz() -> _Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)


def _zstd() -> _Decoder:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
    return cast(_Decoder, zstd.ZstdDecompressor(options=options))


def _opener(new: Callable[[], _Decoder], padding: bytes = b"") -> Opener:
    return lambda file: cast(IO[bytes], io.BufferedReader(_Parts(file, new, padding=padding), _STEP_BYTES))


_OPEN_ZSTD = _opener(_zstd)
_OPENERS: tuple[tuple[bytes, Opener], ...] = (
    (b"\x1f\x8b", _opener(_Gzip, b"\0")),
    (b"BZh", _opener(bz2.BZ2Decompressor, b"\0")),
    (b"\xfd7zXZ\x00", _opener(_xz, b"\0")),
    (b"\x28\xb5\x2f\xfd", _OPEN_ZSTD),
    # A zstd file may begin with a frame that is skipped: RFC 8878, section 3.1.2.
    *((bytes((number,)) + b"\x2a\x4d\x18", _OPEN_ZSTD) for number in range(0x50, 0x60)),
)


def is_compressed(start: bytes) -> bool:
    """Tell whether a file that begins with `start` is one that `decompressed` decompresses."""
    return start.startswith(tuple(magic for magic, _ in _OPENERS))


def decompressed(file: BinaryIO) -> IO[bytes]:
    """Give the content of `file`, which stands at its start: decompressed where it is compressed, else as it is.

    Reading may raise `TooManyParts`, and what the library of the format raises: EOFError, OSError, `zlib.error`,
    `lzma.LZMAError` or `ZstdError`.
    """
    start = file.read(_MAGIC_BYTES)
    file.seek(0)
    return next((opener(file) for magic, opener in _OPENERS if start.startswith(magic)), file)
