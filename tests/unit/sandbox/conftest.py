"""A maker of jobs that run bash in a fresh writable folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.sandbox.interface import Job, Limits, Mount

LIMITS = {
    "timeout_s": 20.0,
    "memory_bytes": 512 << 20,
    "disk_bytes": 64 << 20,
    "output_bytes": 100_000,
    "cpus": 1.0,
    "pids": 64,
}


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    """Give a function (script, argv=, stdin=, environment=, hosts=, and any limit) -> job."""
    work = Mount(source=tmp_path / "work", target="/work", writable=True)

    def make(script: str = "", *, argv: tuple[str, ...] = (), stdin: bytes = b"", **changes: Any) -> Job:
        environment, hosts = changes.pop("environment", {}), changes.pop("hosts", ())
        return Job(
            name="job",
            argv=argv or ("bash", "-c", script),
            mounts=(work,),
            workdir=work,
            limits=Limits(**{**LIMITS, **changes}),
            log_dir=tmp_path / "logs",
            environment=environment,
            hosts=hosts,
            stdin=stdin,
        )

    return make
