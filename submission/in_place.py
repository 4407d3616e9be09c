"""Puts a finished folder where an earlier one is, and keeps what somebody else put there. Must not know what it is."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from files import put_in_place
from progress import a_few, say


def replace_own(new: Path, destination: Path, *, own: Collection[str]) -> None:
    """Make `new` the destination; what lies there under other names than `own` is not ours, and is kept.

    With nothing else there the folder changes as a whole; else ours are removed before the first new one is there, so
    that old and new are never side by side.
    """
    others = sorted(one.name for one in destination.iterdir() if one.name not in own) if destination.is_dir() else []
    if not others:
        put_in_place(new, destination)
        return
    for name in own:
        (destination / name).unlink(missing_ok=True)
    for path in sorted(new.iterdir()):
        path.replace(destination / path.name)
    say(f"{destination} held other things, which were kept: {a_few(others)}")
