"""Opens a compressed file by its first bytes, to be read forward in bounded memory. Knows nothing of what is inside.

gzip and bzip2 need little memory by their formats; xz and zstd take as much as the file's header asks for, up to 4 GB,
and so are given a limit.
"""

import bz2
import gzip
import io
import lzma
import sys
from collections.abc import Callable
from typing import IO, BinaryIO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# `xz -9` needs 65 MiB to unpack, `zstd --long` a window of 2^27 bytes, which is also what zstd takes unless told.
XZ_MEMORY_BYTES = 128 * 1024 * 1024
ZSTD_WINDOW_LOG = 27

_STEP_BYTES = 64 * 1024
_MAGIC_BYTES = 6

Opener = Callable[[BinaryIO], IO[bytes]]
ZstdError = zstd.ZstdError


class _Xz(io.RawIOBase):
    """What `lzma.LZMAFile` is, with a limit of memory, which that does not take."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._decoder = _xz_decoder()
        self._input = b""

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
        """Go to the next stream, if there is one: streams may follow one another, with zeros between."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while not rest:
            step = self._file.read(_STEP_BYTES)
            if not step:
                return False
            rest = step.lstrip(b"\0")
        self._decoder, self._input = _xz_decoder(), rest
        return True


def _xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)


def _open_zstd(file: BinaryIO) -> IO[bytes]:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
    return cast(IO[bytes], zstd.ZstdFile(file, options=options))


_OPENERS: tuple[tuple[bytes, Opener], ...] = (
    (b"\x1f\x8b", lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file))),
    (b"BZh", lambda file: cast(IO[bytes], bz2.open(file))),  # noqa: SIM115 - the caller closes it
    (b"\xfd7zXZ\x00", lambda file: cast(IO[bytes], io.BufferedReader(_Xz(file), _STEP_BYTES))),
    (b"\x28\xb5\x2f\xfd", _open_zstd),
    # A zstd file may begin with a frame that is skipped: RFC 8878, section 3.1.2.
    *((bytes((number,)) + b"\x2a\x4d\x18", _open_zstd) for number in range(0x50, 0x60)),
)


def is_compressed(start: bytes) -> bool:
    """Tell whether a file that begins with `start` is one that `decompressed` decompresses."""
    return start.startswith(tuple(magic for magic, _ in _OPENERS))


def decompressed(file: BinaryIO) -> IO[bytes]:
    """Give the content of `file`, which stands at its start: decompressed where it is compressed, else as it is.

    Reading may raise what the library of the format raises: EOFError, OSError, `zlib.error`, `lzma.LZMAError` or
    `ZstdError`.
    """
    start = file.read(_MAGIC_BYTES)
    file.seek(0)
    return next((opener(file) for magic, opener in _OPENERS if start.startswith(magic)), file)
