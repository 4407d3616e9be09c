"""Room on disks and in memory."""

import shutil
from pathlib import Path

import psutil

from harness.report.facts import Fact, Health

DISK_WANTED_BYTES = 20_000_000_000
MEMORY_WANTED_BYTES = 8_000_000_000


def disk(folder: Path) -> Fact:
    """Tell the free disk space where run folders go."""
    free = shutil.disk_usage(folder).free
    return room_fact("disk", free, "free here, where run folders go", wanted_bytes=DISK_WANTED_BYTES)


def engine_disk(root_folder: str | None) -> Fact:
    """Tell the free disk space where the engine keeps images and containers, if that can be seen from here."""
    if root_folder is None:
        return Fact(name="engine-disk", health=Health.NOTE, seen="not looked for without an engine")
    try:
        free = shutil.disk_usage(root_folder).free
    except OSError:
        seen = f"the engine's data folder {root_folder} cannot be seen from here"
        return Fact(
            name="engine-disk",
            health=Health.NOTE,
            seen=seen,
            remedy=f"Look where the engine runs: {DISK_WANTED_BYTES / 1e9:.0f} GB should be free.",
        )
    return room_fact("engine-disk", free, f"free at {root_folder}", wanted_bytes=DISK_WANTED_BYTES)


def memory() -> Fact:
    """Tell the memory that is free."""
    free = psutil.virtual_memory().available
    return room_fact("memory", free, "available", wanted_bytes=MEMORY_WANTED_BYTES)


def room_fact(name: str, free_bytes: int, words: str, *, wanted_bytes: int) -> Fact:
    """Judge what is free against what a run of one submission wants."""
    seen = f"{free_bytes / 1e9:.0f} GB {words}"
    if free_bytes >= wanted_bytes:
        return Fact(name=name, health=Health.FINE, seen=seen)
    what = "memory: end what uses it" if name == "memory" else "disk"
    remedy = f"Free {(wanted_bytes - free_bytes) / 1e9:.0f} GB of {what}; {wanted_bytes / 1e9:.0f} GB are wanted."
    return Fact(name=name, health=Health.LACKING, seen=seen, remedy=remedy)
