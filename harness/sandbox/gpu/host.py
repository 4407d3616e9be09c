"""Reads what decides how an engine gives GPUs: its own words, CDI specifications, and the driver's files here.

Must not decide anything, and must not talk to an engine: it is given what the engine says of itself.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.sandbox.gpu.grant import DriverFiles, GpuEngine
from harness.sandbox.lookup import DEFAULT_PATH

_HOOK = "nvidia-container-runtime-hook"
_PODMAN_SPEC_FOLDERS = ("/etc/cdi", "/var/run/cdi")
_PODMAN_WITH_CDI = (5, 5)  # it came in the course of 5.4 (github.com/containers/podman/pull/25171)
_LIBRARIES = re.compile(
    r"\s*(lib(?:cuda|cudadebugger|nvidia-(?:ml|cfg|ptxjitcompiler|nvvm|nvvm70|gpucomp|allocator|opencl|pkcs11"
    r"|pkcs11-openssl3))\.so\.[\d.]+) \((.*)\) => (/\S+)"
)


def read_engine(info: Mapping[str, Any], version: Mapping[str, Any]) -> GpuEngine:
    """Tell how an engine can give GPUs, from what its API answers to ``/info`` and ``/version``."""
    if is_podman(version):
        takes_cdi = _numbers(str(version.get("Version", ""))) >= _PODMAN_WITH_CDI
        return GpuEngine(cdi_devices=_in_specifications(_PODMAN_SPEC_FOLDERS) if takes_cdi else frozenset())
    hook = "nvidia" in (info.get("Runtimes") or {}) or shutil.which(_HOOK, path=DEFAULT_PATH) is not None
    return GpuEngine(cdi_devices=_docker_cdi(info), nvidia_hook=hook)


def is_podman(version: Mapping[str, Any]) -> bool:
    """Tell Podman from Docker Engine by what its API answers to ``/version``."""
    return any("Podman" in part.get("Name", "") for part in version.get("Components") or [])


def _docker_cdi(info: Mapping[str, Any]) -> frozenset[str]:
    """List what Docker Engine finds itself (28.2 and newer), or what lies in the folders that it reads (25 to 28.1)."""
    found = info.get("DiscoveredDevices")
    if found is not None:
        return frozenset(one["ID"] for one in found if one.get("Source") == "cdi")
    return _in_specifications(info.get("CDISpecDirs") or ())


def _in_specifications(folders: Iterable[str]) -> frozenset[str]:
    paths = [path for folder in folders for path in Path(folder).glob("*") if path.suffix in {".yaml", ".yml", ".json"}]
    return frozenset(name for path in paths for name in _device_names(path))


def _device_names(path: Path) -> list[str]:
    """List the devices of one specification; JSON is YAML too. One that cannot be read offers nothing."""
    try:
        found = yaml.safe_load(path.read_bytes())
        return [f"{found['kind']}={one['name']}" for one in found["devices"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return []


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def read_driver_files() -> DriverFiles:
    """Find the device nodes and the driver's libraries of this machine."""
    nodes = frozenset(str(path) for path in Path("/dev").glob("nvidia*") if path.is_char_device())
    program = shutil.which("ldconfig", path=DEFAULT_PATH)
    if program is None:
        return DriverFiles(nodes=nodes)
    cache = subprocess.run([program, "-p"], check=False, capture_output=True, text=True).stdout
    return DriverFiles(nodes=nodes, libraries=driver_libraries(cache))


def driver_libraries(cache: str) -> Mapping[str, str]:
    """Pick the driver's 64-bit libraries out of what ``ldconfig -p`` prints: name -> path; the first of a name wins."""
    found: dict[str, str] = {}
    for line in cache.splitlines():
        match = _LIBRARIES.match(line)
        if match and "64" in match[2]:
            found.setdefault(match[1], match[3])
    return found
