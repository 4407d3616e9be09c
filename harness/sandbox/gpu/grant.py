"""What a container engine is told so that a container sees one GPU: one pure function. Must not talk to an engine.

Three ways, the first that there is:

1. CDI: the engine edits the container by the vendor's specification. Docker Engine takes such a request since 25,
   Podman's compatible socket since 5.5; both name the driver ``cdi``. Older Podman ignores it without a word.
2. The engine's own NVIDIA driver, which calls NVIDIA's hook. Docker Engine alone: Podman ignores such a request.
3. The device nodes, and the driver's libraries of this machine mounted read-only. Works with every engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.facts import Gpu

CDI_KIND = "nvidia.com/gpu"
LIBRARY_FOLDER = "/opt/nvidia-driver"
_CONTROL = "/dev/nvidiactl"
_MEMORY = "/dev/nvidia-uvm"
_TOOLS = "/dev/nvidia-uvm-tools"
_HIDE = {"NVIDIA_VISIBLE_DEVICES": "void"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuEngine:
    """What of an engine decides how it gives GPUs.

    Attributes:
        cdi_devices: Full names (``nvidia.com/gpu=GPU-…``) of the CDI devices that it can inject.
        nvidia_hook: It is Docker Engine and NVIDIA's hook is installed.
    """

    cdi_devices: frozenset[str] = frozenset()
    nvidia_hook: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverFiles:
    """The driver as it lies on this machine: device nodes that exist, and libraries by the name programs look for."""

    nodes: frozenset[str] = frozenset()
    libraries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Fields for the engine's `HostConfig` and for the container's environment; `how` is for messages.

    An engine whose default runtime is NVIDIA's gives all GPUs to a container whose image asks for them: hence
    ``NVIDIA_VISIBLE_DEVICES=void`` wherever that runtime is not to act.
    """

    how: Literal["none", "cdi", "nvidia", "devices"]
    device_requests: tuple[Mapping[str, Any], ...] = ()
    devices: tuple[Mapping[str, str], ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_HIDE))


NO_GPU = Grant(how="none")


def grant(gpu: Gpu, engine: GpuEngine, files: DriverFiles) -> Grant:
    """Decide how `engine` gives `gpu`, and that GPU alone, to a container.

    Raises:
        EnvironmentFault: In none of the three ways; the message tells what is missing.
    """
    name = f"{CDI_KIND}={gpu.uuid}"
    if name in engine.cdi_devices:
        return Grant(how="cdi", device_requests=({"Driver": "cdi", "DeviceIDs": [name]},))
    if engine.nvidia_hook:
        wanted = {"Driver": "nvidia", "DeviceIDs": [gpu.uuid], "Capabilities": [["gpu", "compute", "utility"]]}
        return Grant(how="nvidia", device_requests=(wanted,), environment={"NVIDIA_VISIBLE_DEVICES": gpu.uuid})
    return _by_devices(gpu, files)


def _by_devices(gpu: Gpu, files: DriverFiles) -> Grant:
    needed = (f"/dev/nvidia{gpu.minor}", _CONTROL, _MEMORY)
    lacking = [node for node in needed if node not in files.nodes]
    if not any(name.startswith("libcuda.so") for name in files.libraries):
        lacking.append("libcuda.so.1")
    if gpu.minor is None or lacking:
        what = "an instance of a GPU in MIG mode" if gpu.minor is None else " and ".join(lacking) + " on this machine"
        raise EnvironmentFault(
            f"The container engine cannot give GPU {gpu.uuid} to a container: it offers no CDI device of that name, "
            f"NVIDIA's hook is not there, and without them there is no way to pass {what}.",
            remedy="Install the NVIDIA Container Toolkit, run `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml` "
            "and restart the engine; if only /dev/nvidia-uvm is missing: `nvidia-modprobe -u -c=0`.",
        )
    nodes = [*needed, *sorted(files.nodes & {_TOOLS})]
    return Grant(
        how="devices",
        devices=tuple({"PathOnHost": one, "PathInContainer": one, "CgroupPermissions": "rw"} for one in nodes),
        mounts=tuple(
            {"Type": "bind", "Source": path, "Target": f"{LIBRARY_FOLDER}/{name}", "ReadOnly": True}
            for name, path in sorted(files.libraries.items())
        ),
        environment={**_HIDE, "LD_LIBRARY_PATH": LIBRARY_FOLDER, "CUDA_VISIBLE_DEVICES": gpu.uuid},
    )


def process_environment(gpu: Gpu | None) -> Mapping[str, str]:
    """Give the variable by which a plain process sees `gpu` alone, or none at all; a program may override it."""
    return {"CUDA_VISIBLE_DEVICES": gpu.uuid if gpu else ""}
