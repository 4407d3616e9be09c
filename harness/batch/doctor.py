"""Finds out what this machine has and lacks for grading. Changes nothing."""

import importlib.util
import platform
import re
import shutil
import sys
from pathlib import Path

import psutil

from harness.errors import HarnessError
from harness.report.facts import Fact, Health
from harness.sandbox.choose import engine_words, verified_image
from harness.sandbox.gpu.facts import Gpu, Inventory
from harness.sandbox.gpu.nvml import open_nvml
from harness.sandbox.gpu.slot import USED, leasable, why_not_free
from harness.sandbox.gpu.words import in_mib
from harness.sandbox.image.lock import read_lock

DISK_WANTED_BYTES = 20_000_000_000
MEMORY_WANTED_BYTES = 8_000_000_000
NO_IMAGE = Fact(name="image", health=Health.NOTE, seen="not looked for without an engine")
NO_GPU = Fact(
    name="gpu",
    health=Health.NOTE,
    seen="no NVIDIA driver: the GPU lane is empty",
    remedy="Not needed for small models, which the CPU grades. For large ones install the driver.",
)


def examine(image_lock: Path) -> tuple[Fact, ...]:
    """Look at Python, engine, image, GPU, torch, disk and memory."""
    found = engine()
    containers = found.health is Health.FINE
    return (
        Fact(name="python", health=Health.FINE, seen=f"{platform.python_version()} at {sys.prefix}"),
        found,
        image(image_lock) if containers else NO_IMAGE,
        gpu(image_lock),
        local(needed=not containers),
        disk(Path.cwd()),
        memory(),
    )


def engine() -> Fact:
    """Tell which container engine answers."""
    try:
        return Fact(name="engine", health=Health.FINE, seen=engine_words())
    except HarnessError as error:
        return _refused("engine", error)


def image(lock: Path) -> Fact:
    """Tell whether the image of the lock is there and unchanged."""
    try:
        return Fact(name="image", health=Health.FINE, seen=verified_image(lock)[:19])
    except HarnessError as error:
        return _refused("image", error)


def gpu(image_lock: Path) -> Fact:
    """Tell driver and GPUs, who computes there, and whether the driver runs the image's CUDA. No GPU is no error."""
    try:
        nvml = open_nvml()
        if nvml is None:
            return NO_GPU
        with nvml:
            inventory = nvml.inventory()
            lines = [gpu_words(one, why_not_free(nvml.read(one.uuid), ())) for one in leasable(inventory)]
    except HarnessError as error:
        return _refused("gpu", error)
    return gpu_fact(inventory, lines, image_cuda=cuda_of(image_lock))


def gpu_fact(inventory: Inventory, lines: list[str], *, image_cuda: tuple[int, int] | None) -> Fact:
    """Put what the driver told into a fact.

    A driver runs every CUDA of its own major version and of older ones (NVIDIA, "CUDA Compatibility").
    """
    words = f"driver {inventory.driver}, runs CUDA {inventory.cuda[0]}.{inventory.cuda[1]}"
    if image_cuda is not None:
        words += f"; the image has CUDA {image_cuda[0]}.{image_cuda[1]}"
    seen = "\n".join([words, *(lines or ["no GPU that can be leased"])])
    if image_cuda is not None and image_cuda[0] > inventory.cuda[0]:
        remedy = f"Install a driver for CUDA {image_cuda[0]}: this one is too old for the image."
        return Fact(name="gpu", health=Health.LACKING, seen=seen, remedy=remedy)
    if all(USED in line for line in lines):
        return Fact(
            name="gpu",
            health=Health.NOTE,
            seen=seen,
            remedy="No GPU is free: end what computes there before grading with --gpu.",
        )
    return Fact(name="gpu", health=Health.FINE, seen=seen)


def gpu_words(one: Gpu, why_not: str | None) -> str:
    """Describe a GPU on one line."""
    kind = f"an instance of {one.parent} (MIG)" if one.parent else "MIG off"
    return f"{one.uuid}: {one.name}, {in_mib(one.memory_bytes)}, {kind}, {why_not or 'free'}"


def cuda_of(image_lock: Path) -> tuple[int, int] | None:
    """Read the CUDA version (major, minor) that the image's torch brings, or None where it brings none."""
    try:
        wheels = read_lock(image_lock).wheels
    except HarnessError:
        return None
    runtime = next((one for one in wheels if re.fullmatch(r"nvidia-cuda-runtime(-cu\d+)?", one.name)), None)
    found = re.match(r"(\d+)\.(\d+)", runtime.version) if runtime else None
    return (int(found[1]), int(found[2])) if found else None


def local(*, needed: bool) -> Fact:
    """Tell whether the extra [local] is installed."""
    if importlib.util.find_spec("torch"):
        return Fact(name="local", health=Health.FINE, seen="torch is installed beside the harness")
    remedy = "Needed only without an engine: pip install '.[local]' in the project's folder"
    health = Health.LACKING if needed else Health.NOTE
    return Fact(name="local", health=health, seen="torch is not installed beside the harness", remedy=remedy)


def disk(folder: Path) -> Fact:
    """Tell the free disk space where run folders go."""
    return _room("disk", shutil.disk_usage(folder).free, "free here", wanted_bytes=DISK_WANTED_BYTES)


def memory() -> Fact:
    """Tell the memory that is free."""
    return _room("memory", psutil.virtual_memory().available, "available", wanted_bytes=MEMORY_WANTED_BYTES)


def _refused(name: str, error: HarnessError) -> Fact:
    return Fact(name=name, health=Health.LACKING, seen=str(error), remedy=error.remedy)


def _room(name: str, free_bytes: int, words: str, *, wanted_bytes: int) -> Fact:
    seen = f"{free_bytes / 1e9:.0f} GB {words}"
    if free_bytes >= wanted_bytes:
        return Fact(name=name, health=Health.FINE, seen=seen)
    return Fact(name=name, health=Health.LACKING, seen=seen, remedy=f"Free {wanted_bytes / 1e9:.0f} GB.")
