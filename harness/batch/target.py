"""Writes what a user asked for to a place of the user's, whole or not at all, and never over what is not ours."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness.batch.whole_folder import MARK, whole_folder
from harness.errors import ConfigError
from harness.files import write_whole


def refuse_target(target: Path, *, replace: bool, folder: bool, inputs: tuple[Path, ...]) -> None:
    """Look at the place before any work is done.

    Args:
        target: Where to write.
        replace: Whether the user wants what is there to be replaced.
        folder: Whether a folder is written.
        inputs: What was read: it is never replaced, nor is anything in it written.

    Raises:
        ConfigError: Something is there that must stay.
    """
    place = target.resolve()
    for one in inputs:
        if place == one.resolve() or (one.is_dir() and place.is_relative_to(one.resolve())):
            raise ConfigError(f"{target} is, or lies in, what is read from: {one}.", remedy="Give another --output.")
    if not os.path.lexists(target):
        return
    if target.is_dir() != folder or target.is_symlink():
        kind = "a folder" if target.is_dir() else "no folder"
        raise ConfigError(f"{target} is there and is {kind}.", remedy="Give another --output.")
    if folder and not (target / MARK).is_file() and any(target.iterdir()):
        raise ConfigError(
            f"{target} holds something that this command did not write: it has no {MARK}.",
            remedy="Give another --output, or an empty folder.",
        )
    if not replace and not (folder and not any(target.iterdir())):
        raise ConfigError(f"{target} is there already.", remedy="Give another --output, or add --replace.")


def write_file(target: Path, text: str) -> None:
    """Write a file."""
    write_whole(target, text.encode())


def write_folder(target: Path, files: Mapping[str, str]) -> None:
    """Write a folder of files by their relative paths; an earlier one of ours goes.

    Raises:
        ConfigError: A path leads out of the folder, or something else lies there.
    """
    for name in files:
        if not name or name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise ConfigError(
                f"{name!r} leads out of {target}: nothing was written.",
                remedy="No submission has such an id: look who changed the run folder.",
            )
    with whole_folder(target) as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
