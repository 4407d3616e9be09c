"""Words for GPUs and their processes in messages. Must not ask the driver."""

import psutil

from harness.sandbox.gpu.facts import GpuProcess
from harness.text import visible


def describe(process: GpuProcess) -> str:
    """Name a process on a GPU with its memory."""
    memory = "" if process.memory_bytes is None else f", {in_mib(process.memory_bytes)}"
    return f"process {process.pid} ({_name_of(process.pid) or 'unknown'}{memory})"


def in_mib(count: int) -> str:
    """Write a memory size in bytes as the driver's own tools do."""
    return f"{count / (1 << 20):.0f} MiB"


def _name_of(pid: int) -> str:
    try:
        return visible(psutil.Process(pid).name())
    except psutil.Error:
        return ""
