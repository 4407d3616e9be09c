"""What `doctor` says of GPUs. The driver of a real one is asked in tests/gpu."""

import json
from pathlib import Path

import pytest

from harness.batch.doctor.gpu import NO_GPU, cuda_of, gpu, gpu_fact, gpu_words
from harness.report.facts import Health
from harness.sandbox.gpu.facts import Gpu, Inventory

WHOLE = Gpu(uuid="GPU-aa", name="NVIDIA H200", memory_bytes=143_771 << 20, minor=0)
PART = Gpu(uuid="MIG-cc", name="NVIDIA A100 MIG 1g.10gb", memory_bytes=9_728 << 20, parent="GPU-bb")
MACHINE = Inventory(driver="580.159.04", cuda=(13, 0), gpus=(WHOLE,))
FREE, USED = gpu_words(WHOLE, None), gpu_words(WHOLE, "used without a lease by process 7 (python, 512 MiB)")


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")
def test_no_driver_is_said_plainly_and_is_no_error(tmp_path: Path) -> None:
    assert gpu(tmp_path / "no.lock") == NO_GPU
    assert NO_GPU.seen == "no NVIDIA driver: the GPU lane is empty"
    assert NO_GPU.health is Health.NOTE


def test_a_gpu_on_one_line() -> None:
    assert FREE == "GPU-aa: NVIDIA H200, 143771 MiB, MIG off, free"
    assert USED == ("GPU-aa: NVIDIA H200, 143771 MiB, MIG off, used without a lease by process 7 (python, 512 MiB)")
    assert gpu_words(PART, None) == "MIG-cc: NVIDIA A100 MIG 1g.10gb, 9728 MiB, an instance of GPU-bb (MIG), free"


@pytest.mark.parametrize(
    ("lines", "image_cuda", "health", "first", "remedy"),
    [
        ([FREE], None, Health.FINE, "driver 580.159.04, runs CUDA 13.0", ""),
        ([FREE], (12, 8), Health.FINE, "driver 580.159.04, runs CUDA 13.0; the image has CUDA 12.8", ""),
        ([FREE], (13, 1), Health.FINE, "driver 580.159.04, runs CUDA 13.0; the image has CUDA 13.1", ""),
        (
            [FREE],
            (14, 0),
            Health.LACKING,
            "driver 580.159.04, runs CUDA 13.0; the image has CUDA 14.0",
            "Install a driver for CUDA 14: this one is too old for the image.",
        ),
        ([USED, FREE], None, Health.FINE, "driver 580.159.04, runs CUDA 13.0", ""),
        (
            [USED],
            None,
            Health.NOTE,
            "driver 580.159.04, runs CUDA 13.0",
            "No GPU is free: end what computes there before grading with --gpu.",
        ),
    ],
)
def test_fact(lines: list[str], image_cuda: tuple[int, int] | None, health: Health, first: str, remedy: str) -> None:
    found = gpu_fact(MACHINE, lines, image_cuda=image_cuda)
    assert (found.name, found.health, found.remedy) == ("gpu", health, remedy)
    assert found.seen == "\n".join([first, *lines])


def test_a_driver_without_a_gpu() -> None:
    found = gpu_fact(Inventory(driver="580.1", cuda=(13, 0), gpus=()), [], image_cuda=None)
    assert found.seen == "driver 580.1, runs CUDA 13.0\nno GPU that can be leased"
    assert found.health is Health.NOTE


@pytest.mark.parametrize(
    ("wheel", "version", "expected"),
    [
        ("nvidia-cuda-runtime", "13.0.96", (13, 0)),
        ("nvidia-cuda-runtime-cu12", "12.8.90", (12, 8)),
        ("nvidia-cuda-nvrtc", "13.0.88", None),
        ("torch", "2.13.0", None),
    ],
)
def test_cuda_of_the_image(tmp_path: Path, wheel: str, version: str, expected: tuple[int, int] | None) -> None:
    lock = {
        "schema": "image-lock.v1",
        "flavour": "cuda",
        "tag": "lora-harness:cuda",
        "image_id": "sha256:1",
        "base": {"reference": "debian", "origin": "local", "digest": "sha256:2"},
        "inputs_sha256": "3",
        "ca_sha256": None,
        "wheels": [{"name": wheel, "version": version, "sha256": "4"}],
        "created_at": "2026-01-01T00:00:00Z",
        "size_bytes": 1,
    }
    path = tmp_path / "image.lock"
    path.write_text(json.dumps(lock))
    assert cuda_of(path) == expected
    assert cuda_of(tmp_path / "none.lock") is None
