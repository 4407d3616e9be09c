"""Reads and writes files: whole or not at all, and never through a link of a student. Knows no format but JSON."""

import errno
import hashlib
import json
import os
import subprocess
from pathlib import Path
from stat import S_ISREG

from harness.language import Message, WordedError, message


class NotPlain(WordedError):
    """The path is missing, is no plain file, lies behind a link, or is larger than allowed; the text says which."""


def read_untrusted(root: Path, relative: str, *, max_bytes: int) -> bytes:
    """Read a file below `root` that a student's program wrote, following no link on the way.

    Raises:
        NotPlain: See there.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *parents, name = Path(relative).parts
        for part in parents:
            inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise NotPlain(_why(relative, error.errno or 0)) from error
    finally:
        os.close(folder)
    if not S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlain(message("{file}: not a plain file", file=relative))
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise NotPlain(message("{file}: larger than {size}", file=relative, size=f"{max_bytes / 1e6:g} MB"))
    return content


def _why(file: str, number: int) -> Message:
    match number:
        case errno.ENOENT:
            return message("{file}: no such file or directory", file=file)
        case errno.ELOOP:
            return message("{file}: too many levels of symbolic links", file=file)
        case errno.ENOTDIR:
            return message("{file}: not a directory", file=file)
        case _:
            return message("{file}: {reason}", file=file, reason=os.strerror(number).lower())


def make_readable(path: Path) -> None:
    """Give the owner all permissions on what lies below `path`, as far as we may; links are not followed."""
    subprocess.run(["chmod", "-R", "u+rwX", "--", str(path)], capture_output=True, check=False)


def is_plain(root: Path, relative: str) -> bool:
    """Tell whether a plain file of at most a megabyte lies there, behind no link."""
    try:
        read_untrusted(root, relative, max_bytes=1_000_000)
    except NotPlain:
        return False
    return True


def remove_tree(path: Path) -> None:
    """Remove a folder whatever a student's program left in it; nothing happens where it is not there.

    The system's own `rm` does it: Python's recursion ends where a program nests a thousand folders.

    Raises:
        OSError: Something could not be removed.
    """
    remove = ["rm", "-rf", "--", str(path)]
    if subprocess.run(remove, capture_output=True, check=False).returncode == 0:
        return
    make_readable(path)
    last = subprocess.run(remove, capture_output=True, text=True, check=False)
    if last.returncode != 0:
        raise OSError(errno.EBUSY, last.stderr.strip()[:400] or "it could not be removed", str(path))


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename.

    Args:
        path: The file.
        content: What is to be in it.
        mode: Its permissions, from which the umask takes some.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a process that was killed and had the same number
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def json_text(value: object) -> str:
    """Give `value` as readable JSON, with a newline at its end."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def write_json(path: Path, value: object) -> None:
    """Write `value` as readable UTF-8 JSON, whole or not at all."""
    write_whole(path, json_text(value).encode())


def sha256_file(path: Path) -> str:
    """Give the hexadecimal SHA-256 of a file of ours."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
