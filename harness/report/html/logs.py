"""Logs as a page shows them: the beginning and the end of a long one, without terminal codes. Reads no file."""

import re
from dataclasses import dataclass

from harness.text import visible

HEAD_BYTES = 4_000
TAIL_BYTES = 16_000
_LINE_SHOWN = 1_000
_TERMINAL_CODE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log.

    Attributes:
        path: Where the whole of it lies, relative to the record.
        size_bytes: How long it is.
        head: Its beginning, or all of it.
        tail: Its end; empty where `head` is all.
        left_out_bytes: What lies between.
        codes: How many terminal codes (colours, movements) were left out of what is shown.
    """

    path: str
    size_bytes: int
    head: str
    tail: str
    left_out_bytes: int
    codes: int


def shown_log(path: str, *, size_bytes: int, head: bytes, tail: bytes) -> Log:
    """Make a log fit to show.

    Args:
        path: See `Log`.
        size_bytes: See `Log`.
        head: Its first bytes, or all of it.
        tail: Its last bytes, where `head` is not all.
    """
    first, head_codes = _shown(head)
    last, tail_codes = _shown(_from_next_line(tail))
    return Log(
        path=path,
        size_bytes=size_bytes,
        head=first,
        tail=last,
        left_out_bytes=size_bytes - len(head) - len(tail),
        codes=head_codes + tail_codes,
    )


def _from_next_line(tail: bytes) -> bytes:
    cut, found, rest = tail.partition(b"\n")
    return rest if found and len(cut) < _LINE_SHOWN else tail


def _shown(content: bytes) -> tuple[str, int]:
    text, codes = _TERMINAL_CODE.subn("", content.decode("utf-8", "replace"))
    return "\n".join(visible(line, _LINE_SHOWN) for line in text.splitlines()), codes
