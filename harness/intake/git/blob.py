"""Reads one blob from a running `git cat-file --batch`. Knows nothing of where the repository came from."""

import io
import re
from collections.abc import Callable
from typing import IO, cast

from harness.intake.archive.entries import BadArchive, OverBudget
from harness.language import message
from harness.text import in_mb

_HEADER_BYTES = 200
_HEADER = re.compile(rb"[0-9a-f]{40} blob (?P<size>[0-9]{1,18})\n")


class _Blob(io.RawIOBase):
    def __init__(self, output: IO[bytes], size_bytes: int, failed: Callable[[], BadArchive]) -> None:
        super().__init__()
        self._output = output
        self._left = size_bytes + 1  # git writes a line feed behind the content
        self._failed = failed

    def read(self, size: int = -1, /) -> bytes:
        if self._left <= 1 or size < 0:
            self._output.read(self._left)
            self._left = 0
            return b""
        data = self._output.read(min(size, self._left - 1))
        if not data:
            raise self._failed()
        self._left -= len(data)
        return data


def read_blob(
    commands: IO[bytes], output: IO[bytes], sha: bytes, *, max_bytes: int, failed: Callable[[], BadArchive]
) -> IO[bytes]:
    """Ask for a blob; it must be read to its end before the next one is asked for.

    Args:
        commands: Standard input of git.
        output: Its standard output.
        sha: Object name.
        max_bytes: The largest blob.
        failed: Gives the problem to raise where git ended early.

    Raises:
        BadArchive: The object is not there or is no blob, or git ended.
        OverBudget: It is larger than `max_bytes`.
    """
    try:
        commands.write(sha + b"\n")
        commands.flush()
    except BrokenPipeError as problem:
        raise failed() from problem
    line = output.readline(_HEADER_BYTES)
    header = _HEADER.fullmatch(line)
    if header is None:
        raise BadArchive(message("a file's content is missing")) if line else failed()
    if int(header["size"]) > max_bytes:
        raise OverBudget(message("more than {size}", size=in_mb(max_bytes)))
    return cast(IO[bytes], _Blob(output, int(header["size"]), failed))
