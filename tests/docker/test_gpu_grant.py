"""A granted GPU in a real container: the engine takes devices and libraries, and the watch's evidence decides.

There need be no GPU: /dev/full stands for its device node, and a scripted driver for NVIDIA's.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.cause import Cause
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.gpu.facts import Gpu, GpuProcess, Reading
from harness.sandbox.gpu.grant import DriverFiles, GpuEngine, Grant, grant
from harness.sandbox.gpu.slot import HeldGpu
from harness.sandbox.interface import Job

pytestmark = pytest.mark.docker
MakeJob = Callable[..., Job]
GPU = Gpu(uuid="GPU-aa", name="H200", memory_bytes=8 << 30, minor=0)
RUNS_OUT = "echo 'torch.OutOfMemoryError: CUDA out of memory.' >&2; sleep 1; exit 1"


class ScriptedDriver:
    """Says that the processes given to it compute on the GPU."""

    def __init__(self) -> None:
        self.processes: tuple[GpuProcess, ...] = ()

    def read(self, uuid: str) -> Reading:
        used = sum(one.memory_bytes or 0 for one in self.processes)
        return Reading(used_bytes=used, busy_fraction=1.0, processes=self.processes)

    def uncorrected_errors(self, uuid: str) -> int | None:
        return 0

    def fault_events(self, uuid: str) -> "ScriptedDriver":
        return self

    def xids(self) -> list[int]:
        return []

    def close(self) -> None:
        pass


@pytest.fixture
def driver() -> ScriptedDriver:
    return ScriptedDriver()


@pytest.fixture
def gpu_sandbox(
    sandbox_image: str, driver: ScriptedDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerSandbox]:
    library = tmp_path / "libcuda.so.1"
    library.write_text("driver\n")
    nodes = frozenset({"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"})
    files = DriverFiles(nodes=nodes, libraries={"libcuda.so.1": str(library)})

    def granted(gpu: Gpu, engine: GpuEngine, own: DriverFiles) -> Grant:
        found = grant(gpu, GpuEngine(), files)
        devices = tuple({**one, "PathOnHost": "/dev/full"} for one in found.devices)
        return Grant(how=found.how, devices=devices, mounts=found.mounts, environment=found.environment)

    monkeypatch.setattr("harness.sandbox.docker.grant", granted)
    with contextlib.closing(DockerSandbox(sandbox_image, gpu=HeldGpu(gpu=GPU, driver=driver))) as sandbox:
        yield sandbox


def test_devices_and_libraries_are_there_and_nothing_more(gpu_sandbox: DockerSandbox, make_job: MakeJob) -> None:
    job = make_job(
        """
        for node in nvidia0 nvidiactl nvidia-uvm; do [ -c "/dev/$node" ] && [ -r "/dev/$node" ] || exit 2; done
        [ -e /dev/nvidia1 ] && exit 3
        echo x 2>/dev/null > /opt/nvidia-driver/libcuda.so.1 && exit 4
        cat "$LD_LIBRARY_PATH/libcuda.so.1"
        echo "$CUDA_VISIBLE_DEVICES $NVIDIA_VISIBLE_DEVICES"
        """
    )
    ended = gpu_sandbox.run(job)
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0)
    assert job.stdout_path.read_text() == "driver\nGPU-aa void\n"
    assert ended.gpu is not None
    assert ended.gpu.uuid == "GPU-aa"
    assert 0 < ended.gpu.seconds < 30


def test_without_a_gpu_there_is_no_node(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    job = make_job('ls /dev | grep -c nvidia; echo "$NVIDIA_VISIBLE_DEVICES"')
    ended = sandbox.run(job)
    assert ended.gpu is None
    assert job.stdout_path.read_text() == "0\nvoid\n"


def test_out_of_memory_alone_is_the_student_s(gpu_sandbox: DockerSandbox, make_job: MakeJob) -> None:
    ended = gpu_sandbox.run(make_job(RUNS_OUT))
    assert (ended.cause, ended.exit_code) == (Cause.OUT_OF_VRAM, 1)


def test_out_of_memory_beside_a_neighbour_is_not(
    gpu_sandbox: DockerSandbox, driver: ScriptedDriver, make_job: MakeJob
) -> None:
    driver.processes = (GpuProcess(pid=os.getpid(), memory_bytes=2 << 30),)
    with pytest.raises(EnvironmentFault, match=rf"while also there: process {os.getpid()} \(.+, 2048 MiB\)"):
        gpu_sandbox.run(make_job(RUNS_OUT))


def test_the_container_s_own_processes_are_no_neighbours(
    gpu_sandbox: DockerSandbox, driver: ScriptedDriver, make_job: MakeJob
) -> None:
    class Follows(ScriptedDriver):
        """Says that whatever runs in a container of ours computes, as soon as it is there."""

        def read(self, uuid: str) -> Reading:
            found = [
                int(one.parent.name)
                for one in Path("/proc").glob("[0-9]*/comm")
                if (one.parent / "environ").exists() and _has_mark(one.parent / "environ")
            ]
            processes = tuple(GpuProcess(pid=pid, memory_bytes=100 << 20) for pid in found)
            return Reading(used_bytes=0, busy_fraction=None, processes=processes)

    gpu_sandbox._gpu = HeldGpu(gpu=GPU, driver=Follows())
    ended = gpu_sandbox.run(make_job(f"setsid sleep 3 & {RUNS_OUT}", environment={"MARK": "of-this-test"}))
    assert ended.cause is Cause.OUT_OF_VRAM
    assert ended.gpu is not None
    assert ended.gpu.peak_vram_bytes is not None
    assert ended.gpu.peak_vram_bytes >= 200 << 20


def _has_mark(environ: Path) -> bool:
    with contextlib.suppress(OSError):
        return b"MARK=of-this-test" in environ.read_bytes()
    return False
