"""Reads and writes files so that what stands under its final name is always whole.

Everything is written beside its destination under a temporary name and renamed at the end: a run that is cut short
leaves the old file, or none. Must not know what the files mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class InputError(Exception):
    """Something the caller handed in cannot be used; the message says what to do about it."""


def read_rows(path: Path, *, fields: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a JSON array of objects and check that each has the given fields, as text.

    Raises:
        InputError: The file is missing, is not JSON, or a row lacks a field.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON in UTF-8: {error}; write it with json.dump") from error
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path} must be a JSON array with at least one object in it, like [{{...}}, {{...}}]")
    for number, row in enumerate(rows):
        missing = [f for f in fields if not isinstance(row, dict) or not isinstance(row.get(f), str)]
        if missing:
            raise InputError(f"{path}: row {number} (counted from 0) has no text in the field(s) {', '.join(missing)}")
    return rows


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def scratch_folder(near: Path) -> Iterator[Path]:
    """Give a temporary folder on the same disk as `near`, removed at the end whatever happens."""
    near.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{near.name}.", dir=near.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(new: Path, destination: Path) -> None:
    """Move a finished file or folder to its final name, replacing what stood there."""
    if new.is_dir() and destination.exists():
        with scratch_folder(destination) as trash:
            destination.rename(trash / "old")
            new.rename(destination)
        return
    new.replace(destination)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
