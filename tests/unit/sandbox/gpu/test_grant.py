"""What an engine is told is one table: CDI, else its NVIDIA driver, else devices and libraries, else a clear fault."""

from typing import Any

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.facts import Gpu
from harness.sandbox.gpu.grant import NO_GPU, DriverFiles, GpuEngine, grant, process_environment

WHOLE = Gpu(uuid="GPU-aa", name="H200", memory_bytes=141 << 30, minor=3)
PART = Gpu(uuid="MIG-cc", name="A100 MIG 1g.10gb", memory_bytes=10 << 30, parent="GPU-bb")
CDI = GpuEngine(cdi_devices=frozenset({"nvidia.com/gpu=0", "nvidia.com/gpu=GPU-aa", "nvidia.com/gpu=MIG-cc"}))
CDI_BY_NUMBER = GpuEngine(cdi_devices=frozenset({"nvidia.com/gpu=3", "nvidia.com/gpu=all"}))
HOOK = GpuEngine(nvidia_hook=True)
BOTH = GpuEngine(cdi_devices=CDI.cdi_devices, nvidia_hook=True)
NEITHER = GpuEngine()
NODES = frozenset({"/dev/nvidia0", "/dev/nvidia3", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"})
LIBRARIES = {"libnvidia-ml.so.1": "/usr/lib/x/libnvidia-ml.so.1", "libcuda.so.1": "/usr/lib/x/libcuda.so.1"}
FILES = DriverFiles(nodes=NODES, libraries=LIBRARIES)
NOTHING = DriverFiles()


def nvidia(uuid: str) -> dict[str, Any]:
    return {"Driver": "nvidia", "DeviceIDs": [uuid], "Capabilities": [["gpu", "compute", "utility"]]}


@pytest.mark.parametrize(
    ("gpu", "engine", "files", "how", "requests"),
    [
        (WHOLE, CDI, NOTHING, "cdi", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-aa"]}]),
        (WHOLE, BOTH, FILES, "cdi", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-aa"]}]),
        (PART, CDI, NOTHING, "cdi", [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=MIG-cc"]}]),
        (WHOLE, HOOK, FILES, "nvidia", [nvidia("GPU-aa")]),
        (PART, HOOK, NOTHING, "nvidia", [nvidia("MIG-cc")]),
        (WHOLE, CDI_BY_NUMBER, FILES, "devices", []),  # a number may mean another GPU after a reboot
        (WHOLE, NEITHER, FILES, "devices", []),
    ],
)
def test_grant(gpu: Gpu, engine: GpuEngine, files: DriverFiles, how: str, requests: list[dict[str, Any]]) -> None:
    found = grant(gpu, engine, files)
    assert (found.how, list(found.device_requests)) == (how, requests)
    if how != "devices":
        assert (found.devices, found.mounts) == ((), ())
    # What an engine whose default runtime is NVIDIA's goes by, whatever the image asks for.
    assert found.environment["NVIDIA_VISIBLE_DEVICES"] == (gpu.uuid if how == "nvidia" else "void")


def test_devices_are_those_of_this_gpu_alone_with_the_libraries_read_only() -> None:
    found = grant(WHOLE, NEITHER, FILES)
    assert [one["PathOnHost"] for one in found.devices] == [
        "/dev/nvidia3",
        "/dev/nvidiactl",
        "/dev/nvidia-uvm",
        "/dev/nvidia-uvm-tools",
    ]
    assert all(
        one["PathInContainer"] == one["PathOnHost"] and one["CgroupPermissions"] == "rw" for one in found.devices
    )
    assert found.mounts == (
        {
            "Type": "bind",
            "Source": "/usr/lib/x/libcuda.so.1",
            "Target": "/opt/nvidia-driver/libcuda.so.1",
            "ReadOnly": True,
        },
        {
            "Type": "bind",
            "Source": "/usr/lib/x/libnvidia-ml.so.1",
            "Target": "/opt/nvidia-driver/libnvidia-ml.so.1",
            "ReadOnly": True,
        },
    )
    assert found.environment == {
        "NVIDIA_VISIBLE_DEVICES": "void",
        "LD_LIBRARY_PATH": "/opt/nvidia-driver",
        "CUDA_VISIBLE_DEVICES": "GPU-aa",
    }


@pytest.mark.parametrize(
    ("gpu", "files", "missing"),
    [
        (PART, FILES, "there is no way to pass an instance of a GPU in MIG mode."),
        (WHOLE, DriverFiles(nodes=NODES), "to pass libcuda.so.1 on this machine."),
        (WHOLE, DriverFiles(nodes=NODES - {"/dev/nvidia-uvm"}, libraries=LIBRARIES), "to pass /dev/nvidia-uvm on this"),
        (
            WHOLE,
            NOTHING,
            "to pass /dev/nvidia3 and /dev/nvidiactl and /dev/nvidia-uvm and libcuda.so.1 on this machine.",
        ),
    ],
)
def test_what_cannot_be_passed_is_told(gpu: Gpu, files: DriverFiles, missing: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        grant(gpu, NEITHER, files)
    assert str(caught.value).startswith(f"The container engine cannot give GPU {gpu.uuid} to a container: it offers no")
    assert missing in str(caught.value)
    assert caught.value.remedy.startswith("Install the NVIDIA Container Toolkit")


def test_no_gpu_asks_for_nothing_and_hides_all() -> None:
    assert (NO_GPU.device_requests, NO_GPU.devices, NO_GPU.mounts) == ((), (), ())
    assert NO_GPU.environment == {"NVIDIA_VISIBLE_DEVICES": "void"}


def test_a_plain_process_sees_its_gpu_or_none() -> None:
    assert process_environment(WHOLE) == {"CUDA_VISIBLE_DEVICES": "GPU-aa"}
    assert process_environment(None) == {"CUDA_VISIBLE_DEVICES": ""}
