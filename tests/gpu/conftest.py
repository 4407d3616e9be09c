"""What the tests on a real GPU share. They are skipped without one, and fail where HARNESS_REQUIRE_GPU is set."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.sandbox.gpu.facts import Gpu
from harness.sandbox.gpu.nvml import Nvml, open_nvml
from harness.sandbox.gpu.slot import leasable

ALLOCATE = """
import sys, time, torch
block = torch.empty(int(sys.argv[1]) << 20, dtype=torch.uint8, device="cuda").fill_(1)
torch.cuda.synchronize()
print("allocated", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(scope="session")
def nvml() -> Iterator[Nvml]:
    found = open_nvml()
    if found is None:
        if os.environ.get("HARNESS_REQUIRE_GPU"):
            pytest.fail("a GPU is required")
        pytest.skip("this machine has no NVIDIA driver")
    with found:
        yield found


@pytest.fixture
def gpu(nvml: Nvml) -> Gpu:
    """Give a GPU on which nobody computes."""
    free = [one for one in leasable(nvml.inventory()) if not nvml.read(one.uuid).processes]
    if not free:
        pytest.skip("every GPU of this machine is in use")
    return free[0]


Neighbour = Callable[[Gpu, int], "subprocess.Popen[str]"]


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    """Give a function (GPU, MiB) that starts a process which allocates and stays."""
    started = []

    def start(gpu: Gpu, mib: int) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", ALLOCATE, str(mib), "300"],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": gpu.uuid},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "allocated\n"
        return process

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep these tests' leases apart from those of this machine."""
    tmp_path.chmod(0o1777)
    monkeypatch.setattr("harness.sandbox.gpu.slot.lease_folder", lambda: tmp_path)
    return tmp_path
