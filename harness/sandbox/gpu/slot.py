"""Gives a grading its GPU: which one `--gpu` means, whether it is free, and its lease. Must not start anything."""

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.gpu.facts import Gpu, Inventory, Reading
from harness.sandbox.gpu.lease import lease_any, lease_folder
from harness.sandbox.gpu.nvml import open_nvml
from harness.sandbox.gpu.watch import Driver, GpuWatch
from harness.sandbox.gpu.words import describe, in_mib

AUTO = "auto"
USED = "used "
_HIDDEN_BYTES = 1 << 30
_NO_DRIVER = "This machine has no NVIDIA driver, so there is no GPU to lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldGpu:
    """A GPU that this process has leased, and the connection by which it is watched."""

    gpu: Gpu
    driver: Driver

    def watch(self, pids: Callable[[], Iterable[int]]) -> GpuWatch:
        """Make a watch over it for one job; `pids` lists the job's processes as the host numbers them."""
        return GpuWatch(self.driver, self.gpu, pids=pids)


@contextlib.contextmanager
def held_gpu(
    choice: str | None, *, purpose: str, timeout_s: float = 0.0, ours: Container[int] = ()
) -> Iterator[HeldGpu | None]:
    """Lease a GPU for the time of the block; None where none is wanted or, with ``auto``, none is there.

    Args:
        choice: UUID of a GPU or of a MIG instance, ``auto`` for any that is free, or None for no GPU.
        purpose: A few words for others who wait.
        timeout_s: How long to wait for a free one.
        ours: Processes that may be there already, such as our own scoring worker.

    Raises:
        ConfigError: There is no such GPU, or it cannot be leased as a whole.
        EnvironmentFault: No driver for the GPU that was named, or none became free in time.
    """
    with contextlib.ExitStack() as stack:
        nvml = open_nvml() if choice is not None else None
        if nvml is not None:
            stack.enter_context(nvml)
        wanted = wanted_gpus(choice, nvml.inventory() if nvml is not None else None)
        if nvml is None or not wanted:
            yield None
            return
        connection = nvml

        def objection(uuid: str) -> str | None:
            return why_not_free(connection.read(uuid), ours)

        lease = lease_any(
            [one.uuid for one in wanted],
            folder=lease_folder(),
            purpose=purpose,
            timeout_s=timeout_s,
            objection=objection,
        )
        stack.enter_context(lease)
        yield HeldGpu(gpu=next(one for one in wanted if one.uuid == lease.uuid), driver=nvml)


def any_gpu() -> bool:
    """Tell whether this machine has a GPU that can be leased, free or not."""
    nvml = open_nvml()
    if nvml is None:
        return False
    with nvml:
        return bool(leasable(nvml.inventory()))


def wanted_gpus(choice: str | None, inventory: Inventory | None) -> tuple[Gpu, ...]:
    """Decide which GPUs `choice` may mean, in order; none where there is nothing to lease.

    Raises:
        ConfigError: There is no such GPU, or it is cut up by MIG.
        EnvironmentFault: A GPU was named on a machine without a driver.
    """
    if choice is None or (choice == AUTO and inventory is None):
        return ()
    if inventory is None:
        raise EnvironmentFault(f"{_NO_DRIVER}: {choice}.", remedy="Install the driver, or grade without --gpu.")
    if choice == AUTO:
        return leasable(inventory)
    found = next((one for one in inventory.gpus if one.uuid.lower() == choice.lower()), None)
    names = ", ".join(one.uuid for one in leasable(inventory)) or "none"
    if found is None:
        raise ConfigError(
            f"There is no GPU {choice} here; there is: {names}.",
            remedy="Name one of these, as `nvidia-smi -L` does, or `auto`.",
        )
    if found.sliced:
        raise ConfigError(
            f"GPU {choice} is in MIG mode, so that it computes only in parts. What can be leased: {names}.",
            remedy="Name one of its instances (`nvidia-smi -L` lists them), or turn MIG off: `nvidia-smi -mig 0`.",
        )
    return (found,)


def leasable(inventory: Inventory) -> tuple[Gpu, ...]:
    """List what can be leased: whole GPUs, and the instances of those that MIG has cut up."""
    return tuple(one for one in inventory.gpus if not one.sliced)


def why_not_free(reading: Reading, ours: Container[int]) -> str | None:
    """Tell why a GPU that nobody has leased is not free: somebody computes there without a lease."""
    foreign = [one for one in reading.processes if one.pid not in ours]
    if foreign:
        return f"{USED}without a lease by " + ", ".join(map(describe, foreign))
    if not reading.processes and reading.used_bytes > _HIDDEN_BYTES:
        return f"{USED}by a process that cannot be seen from here ({in_mib(reading.used_bytes)} in use)"
    return None
