"""A lock on a folder that the kernel frees when its owner dies, however it does. Must not know what is locked."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import ConfigError
from harness.text import visible

_MAX_NOTE_BYTES = 1_000


@contextlib.contextmanager
def locked(path: Path, *, what: str) -> Iterator[None]:
    """Hold the lock file at `path` for the time of the block; it stays there, and holds who had it last.

    Args:
        path: The lock file; made where it is not there.
        what: What it stands for, for the message.

    Raises:
        ConfigError: Another process holds it, or the file system has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{what} is in use by another harness: {_holder(path)}.",
                remedy="Wait for it, end it, or give another folder with --output.",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{what} cannot be locked: {error.strerror}.",
                remedy="Give a folder on a file system that has locks (flock).",
            ) from error
        file.truncate(0)
        file.write(json.dumps(_note()).encode())
        file.flush()
        yield


def _note() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _holder(path: Path) -> str:
    try:
        note = json.loads(path.read_bytes()[:_MAX_NOTE_BYTES])
        return visible(f"process {int(note['pid'])} on {note['host']}, since {note['since']}")
    except (OSError, ValueError, TypeError, KeyError):
        return "who, it does not say"
