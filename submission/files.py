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
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from progress import a_few, say

_SHOWN = 3


class InputError(Exception):
    """Something the caller handed in cannot be used; the message says what to do about it."""


class _Repeating(dict[str, Any]):
    """An object that had a key more than once, of which JSON keeps the last without a word."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeating(found)


def read_rows(path: Path, *, fields: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a JSON array of objects and check that each has the given fields, as text that is not empty.

    White space alone is empty where there is an output to learn or to measure; a question to answer it may be, as the
    grader allows it.

    Raises:
        InputError: The file cannot be used; the message says where and why.
    """
    rows = _parsed(path)
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path} must be a JSON array with at least one object in it, like [{{...}}, {{...}}]")
    wrong = [words for number, row in enumerate(rows) for words in _wrong(number, row, fields)]
    wrong += _repeated_ids(rows)
    if wrong:
        more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
        raise InputError(f"{path}: {'; '.join(wrong[:_SHOWN])}{more}; rows are counted from 0")
    return rows


def _parsed(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data"
        advice = "it is cut off: get it again" if cut else "save it as UTF-8"
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); {advice}") from error
    if not text.strip():
        raise InputError(f"{path} is empty; it must be a JSON array of objects")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply; it must be a flat array of objects") from error
    except ValueError as error:
        lines = text.strip().splitlines()
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:2]):
            raise InputError(
                f"{path} is JSON lines, an object a line; write one array: json.dump(rows, file)"
            ) from error
        raise InputError(f"{path} is not JSON in UTF-8: {error}; write it with json.dump") from error


def _wrong(number: int, row: Any, fields: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(row, dict):
        yield f"row {number} is no object like {{...}}"
        return
    if isinstance(row, _Repeating):
        yield f"row {number} has a key twice"
    missing = [name for name in fields if name not in row]
    if missing:
        yield f"row {number} has no {' and no '.join(missing)}"
    for name in fields:
        if name in row and not isinstance(row[name], str):
            yield f"row {number} has {json.dumps(row[name])[:40]} as {name}, which must be text"
        elif name in row and not (row[name].strip() if "output" in fields else row[name]):
            yield f"row {number} has an empty {name}"
        elif name in row and is_torn(row[name]):
            yield f"row {number} has half a character (a lone surrogate) in {name}"


def is_torn(text: str) -> bool:
    """Tell whether a text holds half a character (a lone surrogate), which cannot be written as UTF-8."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _repeated_ids(rows: list[Any]) -> list[str]:
    first: dict[str | int, int] = {}
    repeated = []
    for number, row in enumerate(rows):
        key = row.get("id") if isinstance(row, dict) else None
        if isinstance(key, str | int) and first.setdefault(key, number) != number:
            repeated.append(f"row {number} has the id {key} of row {first[key]}")
    return repeated


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all; folders on the way are made."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text, whole or not at all; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_half(path.name), dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
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
    folder = Path(tempfile.mkdtemp(prefix=_half(near.name), dir=near.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _half(name: str) -> str:
    return f".{name}.half-"


def halves(folder: Path, name: str) -> list[Path]:
    """Give what was being written in a folder under a name, a pattern, when a program was killed."""
    return sorted(folder.glob(f"{_half(name)}*"))


def put_in_place(new: Path, destination: Path) -> None:
    """Move a finished file or folder to its final name, replacing what stood there."""
    if not new.is_dir() or not destination.exists():
        new.replace(destination)
        return
    with scratch_folder(destination) as trash:
        old = trash / "old"
        try:
            destination.rename(old)
            new.rename(destination)
        finally:  # Ctrl-C between the two
            if old.exists() and not destination.exists():
                old.rename(destination)


def replace_own(new: Path, destination: Path, *, own: Collection[str]) -> None:
    """Make `new` the destination; what lies there under other names than `own` is not ours, and is kept.

    With nothing else there the folder changes as a whole; else ours are removed before the first new one is there, so
    that old and new are never side by side.
    """
    others = sorted(one.name for one in destination.iterdir() if one.name not in own) if destination.is_dir() else []
    if not others:
        put_in_place(new, destination)
        return
    with scratch_folder(destination / "new") as scratch:  # which may be a link to another disk
        copied = [Path(shutil.copy2(path, scratch / path.name)) for path in sorted(new.iterdir())]
        for name in own:
            (destination / name).unlink(missing_ok=True)
        for path in copied:
            path.replace(destination / path.name)
    say(f"{destination} held other things, which were kept: {a_few(others)}")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
