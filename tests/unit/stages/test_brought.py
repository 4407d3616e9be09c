"""What is said of a download.sh that ended well and brought nothing."""

from pathlib import Path

import pytest

from harness.language import message
from harness.model.finding import finding
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job, Limits, Mount
from harness.stages.brought import better_fix, why_nothing


@pytest.mark.parametrize(
    ("killed", "said"),
    [
        (False, "Its last lines:\nKilled"),
        (True, "The kernel killed a process of it for want of memory (limit: 2000 MB). Its last lines:\nKilled"),
    ],
)
def test_a_kill_for_memory_is_told(tmp_path: Path, killed: bool, said: str) -> None:
    limits = Limits(timeout_s=1, memory_bytes=2_000_000_000, disk_bytes=1, output_bytes=1, cpus=1, pids=9)
    mount = Mount(source=tmp_path, target="/x")
    job = Job(name="fetch", argv=("true",), mounts=(mount,), workdir=mount, limits=limits, log_dir=tmp_path)
    job.stderr_path.write_text("Killed\n")
    ended = Ended(
        cause=Cause.EXITED, exit_code=0, signal=None, duration_s=1.0, peak_memory_bytes=None, killed_for_memory=killed
    )
    assert why_nothing(ended, job) == said


def test_an_empty_source_is_to_be_filled_in_and_no_proxy_named(tmp_path: Path) -> None:
    limits = Limits(timeout_s=1, memory_bytes=2_000_000_000, disk_bytes=1, output_bytes=1, cpus=1, pids=9)
    mount = Mount(source=tmp_path, target="/x")
    job = Job(name="fetch", argv=("true",), mounts=(mount,), workdir=mount, limits=limits, log_dir=tmp_path)
    failed = finding("FET002", message("download.sh ended with exit code 2."))
    job.stderr_path.write_text("download.py: another thing\n")
    assert better_fix(failed, job) == failed
    job.stderr_path.write_text("download.py: ADAPTER_SOURCE in download.sh is empty\n")
    assert better_fix(failed, job).fix == (
        "Upload the adapter, and write its link into download.sh as ADAPTER_SOURCE; `submission/pack.py` does it "
        "for you."
    )
