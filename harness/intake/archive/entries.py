"""What a reader of any kind of archive gives: entries, one after the other. Must not write or judge names."""

import errno
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from harness.errors import ConfigError
from harness.intake.archive.compressed import TooManyParts, ZstdError
from harness.language import WordedError, verbatim
from harness.text import visible

# What the readers of the standard library raise at a damaged or hostile archive: documented ones and, for headers that
# nobody checked (CPython gh-issues of tarfile and zipfile), what their parsing runs into.
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    ZstdError,
    TooManyParts,
    EOFError,
    NotImplementedError,
    ValueError,
    ArithmeticError,
    LookupError,
    struct.error,
    MemoryError,
    RecursionError,
)
_WORDS_SHOWN = 200
# bz2 reports bad data as an OSError without number; offsets that lead nowhere end as these numbers of `seek`.
_OF_CONTENT = frozenset({None, errno.EINVAL, errno.EOVERFLOW})


class BadArchive(WordedError):
    """The archive cannot be read, by its maker's fault; the text says why."""


class OverBudget(WordedError):
    """The archive holds more than is allowed; the text says what of."""


class EntryKind(StrEnum):
    """What an entry is. Only files and folders are ever made."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"
    SPARSE = "sparse"
    SET_ID = "set_id"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry.

    Attributes:
        raw_name: The name as it stands in the archive.
        is_utf8: The archive says that the name is UTF-8.
        executable: The owner's x-bit; all other mode bits count for nothing.
        open: Opens the content; call it before asking for the next entry.
    """

    raw_name: bytes
    is_utf8: bool
    kind: EntryKind
    executable: bool
    open: Callable[[], IO[bytes]]


def kind_of_file(mode: int) -> EntryKind:
    """Give the kind of a plain file with these permissions. A folder may have the bits: shared ones do."""
    return EntryKind.SET_ID if mode & (stat.S_ISUID | stat.S_ISGID) else EntryKind.FILE


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what a library raises at bad content into `BadArchive`, and what the machine does into `ConfigError`.

    Args:
        name: Public name of what is read, for the message.

    Raises:
        BadArchive: The content is damaged.
        ConfigError: The source cannot be read (permissions, a failing disk).
    """
    try:
        yield
    except _BROKEN as problem:
        raise BadArchive(verbatim(visible(str(problem) or type(problem).__name__, _WORDS_SHOWN))) from problem
    except OSError as problem:
        if problem.errno in _OF_CONTENT:
            raise BadArchive(verbatim(visible(problem.strerror or str(problem), _WORDS_SHOWN))) from problem
        raise ConfigError(
            f"cannot read {name}: {problem.strerror}",
            remedy="Check that the file is there and that you may read it.",
        ) from problem
