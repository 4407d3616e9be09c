"""A Ray cluster of several nodes on this machine, each a `ray start` of its own: for tests and `ray_overhead`."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
_START_S = 90.0
# A node that dies is seen dead after 3 s instead of 15.
_QUICK = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}


@dataclass(slots=True, kw_only=True)
class RayNode:
    """One `ray start --block` and all that it started."""

    process: "subprocess.Popen[bytes]"
    temporary: Path

    def raylet(self) -> psutil.Process:
        """Find its raylet.

        Raises:
            StopIteration: It has none (any more).
        """
        below = psutil.Process(self.process.pid).children(recursive=True)
        return next(one for one in below if one.name() == "raylet")

    def kill_raylet(self) -> None:
        """Kill the raylet and whoever would start it again, as a machine dies: without a word."""
        raylet = self.raylet()
        self.process.kill()
        raylet.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(self.process.pid).children(recursive=True)
            self.process.terminate()
            _, alive = psutil.wait_procs(below, timeout=5)
            for one in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        self.process.kill()
        self.process.wait()


@dataclass(slots=True, kw_only=True)
class RayCluster:
    """A head without cores, and nodes that are added."""

    port: int
    folder: Path
    nodes: list[RayNode] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What `--address` takes."""
        return f"127.0.0.1:{self.port}"

    def add(self, *, cpus: int = 2, gpus: int = 0, environment: dict[str, str] | None = None) -> RayNode:
        """Start a node; give it once it is there."""
        temporary = Path(tempfile.mkdtemp(prefix="tmp", dir=self.folder))
        words = ["--address", self.address] if self.nodes else ["--head", "--port", str(self.port)]
        words += ["--include-dashboard=false"] if not self.nodes else []
        words += ["--temp-dir", str(self.folder)] if not self.nodes else []
        words += [
            "--num-cpus",
            str(cpus),
            "--num-gpus",
            str(gpus),
            "--object-store-memory",
            "100000000",
            "--disable-usage-stats",
            "--block",
        ]
        words += ["--node-ip-address", "127.0.0.1", "--min-worker-port", "0", "--max-worker-port", "0"]
        log = temporary / "ray-start.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env={
                    **os.environ,
                    **_QUICK,
                    "PYTHONPATH": str(ROOT),
                    "TMPDIR": str(temporary),
                    "OMP_NUM_THREADS": "1",
                    **(environment or {}),
                },
            )
        node = RayNode(process=process, temporary=temporary)
        self.nodes.append(node)
        give_up = time.monotonic() + _START_S
        while b"Ray runtime started" not in log.read_bytes():
            if time.monotonic() > give_up or process.poll() is not None:
                raise RuntimeError(f"ray start did not come up: {log.read_text()}")
            time.sleep(0.1)
        return node


@contextlib.contextmanager
def ray_nodes(*cpus: int) -> Iterator[RayCluster]:
    """Start a head without cores and a node for each number of cores; end them after the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # short: Ray puts sockets there
    cluster = RayCluster(port=port, folder=folder)
    try:
        cluster.add(cpus=0)
        for count in cpus:
            cluster.add(cpus=count)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)
