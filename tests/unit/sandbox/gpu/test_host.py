"""What engines say of themselves, CDI specifications on disk, and the driver's files of this machine."""

from pathlib import Path
from typing import Any

import pytest

from harness.sandbox.gpu.grant import GpuEngine
from harness.sandbox.gpu.host import driver_libraries, read_driver_files, read_engine

YAML = """
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits: {}
- name: GPU-aa
  containerEdits: {}
"""
NAMES = frozenset({"nvidia.com/gpu=0", "nvidia.com/gpu=GPU-aa"})
DOCKER = {"Version": "28.1.0", "Components": [{"Name": "Engine"}]}
FOUND = [{"Source": "cdi", "ID": "nvidia.com/gpu=GPU-aa"}, {"Source": "other", "ID": "x"}]


@pytest.fixture
def specifications(tmp_path: Path) -> Path:
    (tmp_path / "nvidia.yaml").write_text(YAML)
    (tmp_path / "torn.yaml").write_text("devices: [")
    (tmp_path / "other.json").write_text('{"kind": "vendor.com/net"}')
    (tmp_path / "notes.txt").write_text(YAML.replace("GPU-aa", "GPU-bb"))
    return tmp_path


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"DiscoveredDevices": FOUND, "CDISpecDirs": ["/nowhere"]}, frozenset({"nvidia.com/gpu=GPU-aa"})),
        ({"DiscoveredDevices": []}, frozenset()),
        ({"CDISpecDirs": ["/nowhere"]}, frozenset()),
        ({"CDISpecDirs": None, "Runtimes": None}, frozenset()),
        ({}, frozenset()),
    ],
)
def test_docker_offers_what_it_found(info: dict[str, Any], expected: frozenset[str]) -> None:
    assert read_engine(info, DOCKER).cdi_devices == expected


def test_docker_25_names_its_folders(specifications: Path) -> None:
    assert read_engine({"CDISpecDirs": [str(specifications)]}, DOCKER).cdi_devices == NAMES


def test_docker_with_nvidia_s_runtime() -> None:
    info = {"Runtimes": {"runc": {}, "nvidia": {"path": "nvidia-container-runtime"}}}
    assert read_engine(info, DOCKER) == GpuEngine(nvidia_hook=True)


@pytest.mark.parametrize("version", ["3.4.4", "4.3.1", "5.4.2"])
def test_old_podman_ignores_requests_so_none_is_made(version: str) -> None:
    info = {"Runtimes": {"nvidia": {}}, "DiscoveredDevices": FOUND}
    assert read_engine(info, {"Version": version, "Components": [{"Name": "Podman Engine"}]}) == GpuEngine()


def test_ldconfig_is_read() -> None:
    cache = """412 libs found in cache `/etc/ld.so.cache'
\tlibnvidia-ptxjitcompiler.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-ptxjitcompiler.so.1
\tlibnvidia-gpucomp.so.580.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-gpucomp.so.580.1
\tlibnvidia-glcore.so.580.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libnvidia-glcore.so.580.1
\tlibcudart.so.12 (libc6,x86-64) => /usr/local/cuda/lib64/libcudart.so.12
\tlibcuda.so.1 (libc6) => /usr/lib/i386-linux-gnu/libcuda.so.1
\tlibcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1
\tlibcuda.so.1 (libc6,x86-64) => /opt/second/libcuda.so.1
\tlibcuda.so (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so
\tlibc.so.6 (libc6,x86-64, OS ABI: Linux 3.2.0) => /lib/x86_64-linux-gnu/libc.so.6
"""
    folder = "/usr/lib/x86_64-linux-gnu"
    assert driver_libraries(cache) == {
        "libnvidia-ptxjitcompiler.so.1": f"{folder}/libnvidia-ptxjitcompiler.so.1",
        "libnvidia-gpucomp.so.580.1": f"{folder}/libnvidia-gpucomp.so.580.1",
        "libcuda.so.1": f"{folder}/libcuda.so.1",
    }


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")
def test_a_machine_without_a_driver_has_no_driver_files() -> None:
    found = read_driver_files()
    assert not found.nodes
    assert not found.libraries
