"""The real driver, GPU and torch: facts, leases, a watch, and who is to blame. Skipped without an NVIDIA GPU."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.batch.doctor.gpu import gpu as gpu_fact
from harness.errors import EnvironmentFault
from harness.report.facts import Health
from harness.sandbox.cause import Cause
from harness.sandbox.gpu.facts import Gpu
from harness.sandbox.gpu.grant import GpuEngine, grant
from harness.sandbox.gpu.host import read_driver_files
from harness.sandbox.gpu.nvml import Nvml
from harness.sandbox.gpu.slot import HeldGpu, held_gpu
from harness.sandbox.interface import Ended, Job, Limits, Mount
from harness.sandbox.process import ProcessSandbox

pytestmark = pytest.mark.gpu

MIB = 1 << 20
Neighbour = Callable[[Gpu, int], "subprocess.Popen[str]"]

PRELUDE = """
import sys, time, torch
def hold(mib):
    block = torch.empty(mib << 20, dtype=torch.uint8, device="cuda").fill_(1)
    torch.cuda.synchronize()
    return block
"""


@pytest.fixture
def held(nvml: Nvml, gpu: Gpu) -> HeldGpu:
    return HeldGpu(gpu=gpu, driver=nvml)


def job(folder: Path, code: str, *, timeout_s: float = 90.0, hosts: tuple[str, ...] = ()) -> Job:
    work = Mount(source=folder / "work", target="/work", writable=True)
    return Job(
        name="run",
        argv=(sys.executable, "-c", PRELUDE + code),
        mounts=(work,),
        workdir=work,
        limits=Limits(
            timeout_s=timeout_s,
            memory_bytes=32 << 30,
            disk_bytes=1 << 30,
            output_bytes=1 << 20,
            cpus=4,
            pids=512,
        ),
        log_dir=folder / "logs",
        hosts=hosts,
    )


def run(folder: Path, held: HeldGpu | None, code: str, *, timeout_s: float = 90.0) -> Ended:
    return ProcessSandbox(gpu=held).run(job(folder, code, timeout_s=timeout_s))


def test_facts(nvml: Nvml, gpu: Gpu) -> None:
    inventory = nvml.inventory()
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    assert all(one.uuid in listed and one.name in listed for one in inventory.gpus)
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", inventory.driver)
    assert inventory.cuda >= (11, 0)
    assert gpu.memory_bytes > 1 << 30
    assert gpu.parent is not None or Path(f"/dev/nvidia{gpu.minor}").exists()
    errors = nvml.uncorrected_errors(gpu.uuid)
    assert errors is None or errors >= 0


def test_an_unknown_gpu_is_a_fault(nvml: Nvml) -> None:
    with pytest.raises(EnvironmentFault, match="The NVIDIA driver could not measure GPU-0: Not Found") as caught:
        nvml.read("GPU-0")
    assert "nvidia-smi" in caught.value.remedy


def test_doctor_names_the_gpu(nvml: Nvml, gpu: Gpu, tmp_path: Path) -> None:
    fact = gpu_fact(tmp_path / "no.lock")
    assert fact.health is Health.FINE
    assert f"driver {nvml.inventory().driver}, runs CUDA " in fact.seen
    assert f"{gpu.uuid}: {gpu.name}, {gpu.memory_bytes / MIB:.0f} MiB" in fact.seen
    assert ", free" in fact.seen


def test_a_lease_keeps_others_out(gpu: Gpu, leases: Path) -> None:
    with held_gpu(gpu.uuid, purpose="first") as held:
        assert held is not None
        assert held.gpu.uuid == gpu.uuid
        with (
            pytest.raises(EnvironmentFault, match=rf"{gpu.uuid} is leased by process {os.getpid()} .*first"),
            held_gpu(gpu.uuid, purpose="second"),
        ):
            pass
    with held_gpu("auto", purpose="third") as held:
        assert held is not None


def test_a_gpu_with_a_foreign_process_is_refused_until_it_ends(
    nvml: Nvml, gpu: Gpu, leases: Path, neighbour: Neighbour, tmp_path: Path
) -> None:
    foreign = neighbour(gpu, 512)
    expected = rf"{gpu.uuid} is used without a lease by process {foreign.pid} \(.+, \d{{3,4}} MiB\)"
    with pytest.raises(EnvironmentFault, match=expected), held_gpu(gpu.uuid, purpose="test"):
        pass
    assert f"used without a lease by process {foreign.pid}" in gpu_fact(tmp_path / "no.lock").seen
    with held_gpu(gpu.uuid, purpose="test", ours={foreign.pid}) as held:
        assert held is not None
    foreign.kill()
    foreign.wait()
    with held_gpu(gpu.uuid, purpose="test", timeout_s=10) as held:
        assert held is not None


def test_a_program_s_memory_and_seconds_are_measured(held: HeldGpu, tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        held,
        """
block = hold(20000)
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
end = time.monotonic() + 3
while time.monotonic() < end:
    a @ a
    torch.cuda.synchronize()
from pathlib import Path
Path("torch").write_text(str(torch.cuda.memory_reserved()))
""",
    )
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0)
    reserved = int((tmp_path / "work" / "torch").read_text())
    use = ended.gpu
    assert use is not None
    assert use.peak_vram_bytes is not None
    assert reserved <= use.peak_vram_bytes <= 1.05 * reserved
    assert ended.duration_s == pytest.approx(use.seconds, abs=1.0)
    print(f"reserved {reserved}, peak {use.peak_vram_bytes}, seconds {use.seconds}, busy {use.busy_seconds}")
    assert use.busy_seconds is None or 1.5 < use.busy_seconds <= use.seconds


def test_a_program_sees_its_gpu_alone(held: HeldGpu, tmp_path: Path) -> None:
    code = """
from pathlib import Path
Path("seen").write_text(f"{torch.cuda.device_count()} {torch.cuda.get_device_properties(0).uuid}")
"""
    assert run(tmp_path, held, code).exit_code == 0
    assert (tmp_path / "work" / "seen").read_text() == f"1 {held.gpu.uuid.removeprefix('GPU-')}"


@pytest.mark.parametrize("hosts", [(), ("example.org",)])
def test_without_a_lease_or_with_network_a_program_sees_none(
    held: HeldGpu, tmp_path: Path, hosts: tuple[str, ...]
) -> None:
    code = 'from pathlib import Path\nPath("seen").write_text(str(torch.cuda.device_count()))'
    ended = ProcessSandbox(gpu=held if hosts else None).run(job(tmp_path, code, hosts=hosts))
    assert (ended.exit_code, ended.gpu) == (0, None)
    assert (tmp_path / "work" / "seen").read_text() == "0"


def test_out_of_memory_alone_is_the_program_s_own(held: HeldGpu, tmp_path: Path) -> None:
    ended = run(tmp_path, held, f"hold({held.gpu.memory_bytes // MIB + 1024})")
    assert (ended.cause, ended.exit_code) == (Cause.OUT_OF_VRAM, 1)


def test_out_of_memory_that_the_program_outlives_is_no_matter(held: HeldGpu, tmp_path: Path) -> None:
    code = f"""
try:
    hold({held.gpu.memory_bytes // MIB + 1024})
except torch.OutOfMemoryError as error:
    print(error, file=sys.stderr)
"""
    ended = run(tmp_path, held, code)
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0)


def test_out_of_memory_beside_a_neighbour_is_not(held: HeldGpu, neighbour: Neighbour, tmp_path: Path) -> None:
    foreign = neighbour(held.gpu, 2048)
    with pytest.raises(EnvironmentFault) as caught:
        run(tmp_path, held, f"hold({held.gpu.memory_bytes // MIB - 1024})")
    assert re.search(
        rf"Job run failed on GPU {held.gpu.uuid}, .* while also there: process {foreign.pid} \(.+, 2\d{{3}} MiB\)\.",
        str(caught.value),
    )


def test_a_neighbour_that_comes_later_is_seen_too(held: HeldGpu, neighbour: Neighbour, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
Path("ready").touch()
while not Path("go").exists():
    time.sleep(0.1)
hold({held.gpu.memory_bytes // MIB - 1024})
"""

    def come() -> None:
        while not (tmp_path / "work" / "ready").exists():
            time.sleep(0.1)
        neighbour(held.gpu, 2048)
        (tmp_path / "work" / "go").touch()

    coming = threading.Thread(target=come)
    coming.start()
    with pytest.raises(EnvironmentFault, match="while also there: process "):
        run(tmp_path, held, code)
    coming.join()


def test_words_of_a_driver_s_fault_are_only_words(held: HeldGpu, tmp_path: Path) -> None:
    ended = run(tmp_path, held, 'sys.exit("NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus. GPU is lost")')
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 1)


def test_an_illegal_access_is_the_program_s_own(held: HeldGpu, tmp_path: Path) -> None:
    """A kernel that writes out of bounds makes the driver report Xid 31 or 13: true, and no excuse."""
    code = """
block = hold(64)
index = torch.full((1024,), 1 << 60, device="cuda", dtype=torch.int64)
torch.cuda.synchronize()
block[index]
torch.cuda.synchronize()
"""
    watch = held.watch(list)
    watch.start()
    ended = run(tmp_path, held, code)
    print("xids", watch.stop().xids)
    assert ended.cause in (Cause.EXITED, Cause.SIGNALED)
    assert ended.exit_code != 0


def test_at_the_deadline_the_gpu_is_free_again(nvml: Nvml, held: HeldGpu, tmp_path: Path) -> None:
    code = """
import os
if os.fork() == 0:  # a grandchild of the sandbox in a session of its own
    os.setsid()
    block = hold(4096)
    time.sleep(600)
time.sleep(600)
"""
    ended = run(tmp_path, held, code, timeout_s=20)
    assert ended.cause is Cause.DEADLINE
    assert ended.gpu is not None
    assert ended.gpu.peak_vram_bytes is not None
    assert ended.gpu.peak_vram_bytes > 4096 * MIB
    give_up = time.monotonic() + 5
    while nvml.read(held.gpu.uuid).processes and time.monotonic() < give_up:
        time.sleep(0.1)
    assert nvml.read(held.gpu.uuid).processes == ()


def test_the_watch_is_light(nvml: Nvml, gpu: Gpu) -> None:
    """A look takes a few milliseconds, five times a second."""
    began = time.monotonic()
    for _ in range(20):
        nvml.read(gpu.uuid)
    each_s = (time.monotonic() - began) / 20
    print(f"one reading {each_s * 1e3:.2f} ms")
    assert each_s < 0.05


def test_this_machine_could_give_it_to_a_container_by_its_devices(gpu: Gpu) -> None:
    if gpu.parent is not None:
        pytest.skip("an instance has no device node of its own")
    files = read_driver_files()
    if "/dev/nvidia-uvm" not in files.nodes:
        pytest.skip("the memory device is made when CUDA is first used")
    found = grant(gpu, GpuEngine(), files)
    assert all(Path(str(one["Source"])).exists() for one in found.mounts)
    targets = [Path(str(one["Target"])).name for one in found.mounts]
    assert {"libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1"} <= set(targets)
