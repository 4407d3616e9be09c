"""Which GPU `--gpu` means, and when one that nobody has leased is not free."""

import os
from pathlib import Path

import pytest

from harness.errors import ConfigError, EnvironmentFault
from harness.sandbox.gpu.facts import Gpu, GpuProcess, Inventory, Reading
from harness.sandbox.gpu.slot import held_gpu, wanted_gpus, why_not_free

WHOLE = Gpu(uuid="GPU-aa", name="H200", memory_bytes=141 << 30, minor=0)
SLICED = Gpu(uuid="GPU-bb", name="A100", memory_bytes=80 << 30, minor=1, sliced=True)
PART = Gpu(uuid="MIG-cc", name="A100 MIG 1g.10gb", memory_bytes=10 << 30, parent="GPU-bb")
MACHINE = Inventory(driver="580.1", cuda=(13, 0), gpus=(WHOLE, SLICED, PART))

no_gpu = pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")


@pytest.mark.parametrize(
    ("choice", "inventory", "expected"),
    [
        (None, MACHINE, ()),
        (None, None, ()),
        ("auto", None, ()),
        ("auto", MACHINE, (WHOLE, PART)),
        ("auto", Inventory(driver="580.1", cuda=(13, 0), gpus=()), ()),
        ("GPU-aa", MACHINE, (WHOLE,)),
        ("gpu-AA", MACHINE, (WHOLE,)),
        ("MIG-cc", MACHINE, (PART,)),
    ],
)
def test_wanted(choice: str | None, inventory: Inventory | None, expected: tuple[Gpu, ...]) -> None:
    assert wanted_gpus(choice, inventory) == expected


@pytest.mark.parametrize(
    ("choice", "inventory", "kind", "message", "remedy"),
    [
        (
            "GPU-a",
            MACHINE,
            ConfigError,
            "There is no GPU GPU-a here; there is: GPU-aa, MIG-cc.",
            "Name one of these, as `nvidia-smi -L` does, or `auto`.",
        ),
        (
            "GPU-bb",
            MACHINE,
            ConfigError,
            "GPU GPU-bb is in MIG mode, so that it computes only in parts. What can be leased: GPU-aa, MIG-cc.",
            "Name one of its instances (`nvidia-smi -L` lists them), or turn MIG off: `nvidia-smi -mig 0`.",
        ),
        (
            "GPU-aa",
            None,
            EnvironmentFault,
            "This machine has no NVIDIA driver, so there is no GPU to lease: GPU-aa.",
            "Install the driver, or grade without --gpu.",
        ),
    ],
)
def test_what_cannot_be_had(
    choice: str, inventory: Inventory | None, kind: type[ConfigError], message: str, remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        wanted_gpus(choice, inventory)
    assert (str(caught.value), caught.value.remedy) == (message, remedy)


def reading(used_mib: int, *processes: GpuProcess) -> Reading:
    return Reading(used_bytes=used_mib << 20, busy_fraction=None, processes=processes)


def test_a_gpu_without_processes_is_free() -> None:
    assert why_not_free(reading(600), ()) is None


def test_a_process_without_a_lease_is_named() -> None:
    mine = GpuProcess(pid=os.getpid(), memory_bytes=5 << 30)
    why = why_not_free(reading(5200, mine), ())
    assert why is not None
    assert why.startswith(f"used without a lease by process {os.getpid()} (")
    assert why.endswith(", 5120 MiB)")
    assert why_not_free(reading(5200, mine), {os.getpid()}) is None


def test_a_process_that_is_gone_or_untold_is_named_as_well_as_can_be() -> None:
    gone = GpuProcess(pid=(1 << 22) + 1, memory_bytes=None)
    assert why_not_free(reading(10, gone), ()) == f"used without a lease by process {(1 << 22) + 1} (unknown)"


def test_memory_that_nobody_visible_holds_is_told() -> None:
    assert why_not_free(reading(4096), ()) == "used by a process that cannot be seen from here (4096 MiB in use)"


@no_gpu
def test_without_a_driver_the_lane_is_empty() -> None:
    with held_gpu("auto", purpose="test") as held:
        assert held is None
    with held_gpu(None, purpose="test") as held:
        assert held is None
    with pytest.raises(EnvironmentFault, match="no NVIDIA driver"), held_gpu("GPU-aa", purpose="test"):
        pass
