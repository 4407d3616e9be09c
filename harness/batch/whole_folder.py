"""A folder of ours written whole or not at all. Must not know what is in it."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from harness.errors import ConfigError
from harness.files import remove_tree

MARK = ".lora-harness-export"  # the file that tells a folder of ours
_MARK_WORDS = "Written by `harness report`, which may replace this folder.\n"


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the target's place when the block ends well, and goes when it does not.

    Args:
        target: Where it is to lie. What is there is replaced only if it is empty or has our mark.

    Raises:
        ConfigError: Something else lies there, or the place cannot be written.
    """
    refuse_other(target)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        fresh.mkdir(parents=True)
        (fresh / MARK).write_text(_MARK_WORDS, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}.", remedy="Give another folder.") from error
    try:
        yield fresh
        _swap(fresh, target)
    finally:
        remove_tree(fresh)


def refuse_other(target: Path) -> None:
    """Make sure that nothing of others would be lost.

    Raises:
        ConfigError: What lies at the target is not an earlier folder of ours.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConfigError(f"{target} is no folder.", remedy="Give a folder that is new, empty, or an earlier report.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file():
        raise ConfigError(
            f"{target} holds something else than a report.",
            remedy="Give a folder that is new, empty, or an earlier report: it is replaced as a whole.",
        )


def _swap(fresh: Path, target: Path) -> None:
    old = fresh.with_name(f"{fresh.name}.old")
    replaced = target.exists()
    if replaced:
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if replaced:
            old.rename(target)
        raise
    if replaced:
        remove_tree(old)
