"""Finds out what this machine has and lacks for grading. Changes nothing."""

import importlib.util
import platform
import shutil
import sys
from pathlib import Path

import psutil

from harness.errors import HarnessError
from harness.report.facts import Fact, Health
from harness.sandbox.choose import engine_words, verified_image

DISK_WANTED_BYTES = 20_000_000_000
MEMORY_WANTED_BYTES = 8_000_000_000


NO_IMAGE = Fact(name="image", health=Health.NOTE, seen="not looked for without an engine")


def examine(image_lock: Path) -> tuple[Fact, ...]:
    """Look at Python, engine, image, GPU, torch, disk and memory."""
    found = engine()
    containers = found.health is Health.FINE
    return (
        Fact(name="python", health=Health.FINE, seen=f"{platform.python_version()} at {sys.prefix}"),
        found,
        image(image_lock)
        if containers
        else Fact(name="image", health=Health.NOTE, seen="not looked for without an engine"),
        gpu(),
        local(needed=not containers),
        disk(Path.cwd()),
        memory(),
    )


def engine() -> Fact:
    """Tell which container engine answers."""
    try:
        return Fact(name="engine", health=Health.FINE, seen=engine_words())
    except HarnessError as error:
        return Fact(name="engine", health=Health.LACKING, seen=str(error), remedy=error.remedy)


def image(lock: Path) -> Fact:
    """Tell whether the image of the lock is there and unchanged."""
    try:
        return Fact(name="image", health=Health.FINE, seen=verified_image(lock)[:19])
    except HarnessError as error:
        return Fact(name="image", health=Health.LACKING, seen=str(error), remedy=error.remedy)


def gpu() -> Fact:
    """Tell whether an NVIDIA driver is there."""
    if Path("/proc/driver/nvidia/version").exists():
        return Fact(name="gpu", health=Health.FINE, seen="NVIDIA driver loaded")
    return Fact(
        name="gpu", health=Health.NOTE, seen="no NVIDIA driver", remedy="Grading runs on the CPU: small models only."
    )


def local(*, needed: bool) -> Fact:
    """Tell whether the extra [local] is installed."""
    if importlib.util.find_spec("torch"):
        return Fact(name="local", health=Health.FINE, seen="torch is installed beside the harness")
    remedy = "Needed only without an engine: pip install '.[local]' in the project's folder"
    health = Health.LACKING if needed else Health.NOTE
    return Fact(name="local", health=health, seen="torch is not installed beside the harness", remedy=remedy)


def disk(folder: Path) -> Fact:
    """Tell the free disk space where run folders go."""
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.0f} GB free here"
    if free >= DISK_WANTED_BYTES:
        return Fact(name="disk", health=Health.FINE, seen=seen)
    return Fact(name="disk", health=Health.LACKING, seen=seen, remedy=f"Free {DISK_WANTED_BYTES / 1e9:.0f} GB.")


def memory() -> Fact:
    """Tell the memory that is free."""
    free = psutil.virtual_memory().available
    seen = f"{free / 1e9:.0f} GB available"
    if free >= MEMORY_WANTED_BYTES:
        return Fact(name="memory", health=Health.FINE, seen=seen)
    return Fact(name="memory", health=Health.LACKING, seen=seen, remedy=f"Free {MEMORY_WANTED_BYTES / 1e9:.0f} GB.")
