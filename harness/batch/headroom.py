"""What a record does not say of how much was used: the disk is in the evidence, GPU memory the driver knows."""

import json
from pathlib import Path

from harness.errors import HarnessError
from harness.model.assignment import Stages
from harness.model.result import Record
from harness.report.headroom import Headroom, headroom
from harness.sandbox.gpu.nvml import open_nvml


def headroom_of(record: Record, limits: Stages, *, folder: Path | None) -> tuple[Headroom, ...]:
    """Hold what the stages used against what they may use.

    Args:
        record: Of one submission.
        limits: The assignment's.
        folder: Where the record is kept, if it is.
    """
    disk = {"fetch": size} if folder and (size := _downloaded(folder)) is not None else {}
    return headroom(record, limits, disk_bytes=disk, vram_bytes=_vram(record))


def _downloaded(folder: Path) -> int | None:
    """Sum what download.sh brought; None where it brought nothing."""
    path = folder / "evidence" / "downloads.json"
    if not path.is_file():
        return None
    return sum(int(one["bytes"]) for one in json.loads(path.read_text(encoding="utf-8")))


def _vram(record: Record) -> dict[str, int]:
    """Ask the driver how much memory the GPUs have that the record names; nothing where there is none."""
    if not any(one.receipt and one.receipt.gpu_uuid for one in record.stages):
        return {}
    try:
        nvml = open_nvml()
        if nvml is None:
            return {}
        with nvml:
            return {one.uuid: one.memory_bytes for one in nvml.inventory().gpus}
    except HarnessError:
        return {}  # a figure less is no fault of the check
