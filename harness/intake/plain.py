"""Opens plain files that a student made: no link is followed and no pipe waited for. Knows no format."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from harness.language import WordedError, message


class NotPlainFile(WordedError):
    """The path is a link, a folder or something else that is not a plain file."""


def open_plain(path: Path) -> BufferedReader:
    """Open a plain file for reading.

    Raises:
        NotPlainFile: It is a link, folder, pipe, socket or device.
        OSError: It is missing, or the machine cannot read it.
    """
    # O_NONBLOCK: opening a pipe would wait for its writer.
    if path.is_symlink():
        raise NotPlainFile(message("{name} is a link", name=path.name))
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainFile(message("{name} is not a plain file", name=path.name))
    return os.fdopen(descriptor, "rb")


def read_plain(path: Path, *, most_bytes: int) -> bytes:
    """Read at most the first `most_bytes` of a plain file.

    Raises:
        NotPlainFile: See `open_plain`.
        OSError: See `open_plain`.
    """
    with open_plain(path) as file:
        return file.read(most_bytes)
