"""The driver, its GPUs, and whether it runs the CUDA of the image."""

import re
from pathlib import Path

from harness.errors import HarnessError
from harness.report.facts import Fact, Health, lacking
from harness.sandbox.gpu.facts import Gpu, Inventory
from harness.sandbox.gpu.nvml import open_nvml
from harness.sandbox.gpu.slot import USED, leasable, why_not_free
from harness.sandbox.gpu.words import in_mib
from harness.sandbox.image.lock import read_lock

NO_GPU = Fact(
    name="gpu",
    health=Health.NOTE,
    seen="no NVIDIA driver: the GPU lane is empty",
    remedy="Not needed for small models, which the CPU grades. For large ones install the driver.",
)


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
        return lacking("gpu", error)
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
