"""The real NVML where there is none: no driver is a plain case. What needs a GPU is in tests/gpu."""

from pathlib import Path

import pytest

from harness.sandbox.gpu.nvml import open_nvml


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")
def test_a_machine_without_a_driver_has_no_nvml() -> None:
    assert open_nvml() is None
    assert open_nvml() is None  # a failed opening leaves nothing behind
