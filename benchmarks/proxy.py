"""Measures what reaching hosts through the proxy costs: seconds for a job, and throughput against a direct connection.

Usage: python benchmarks/proxy.py [--runs 5] [--megabytes 200]. Needs an engine and the image.lock of an image.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.sandbox.choose import choose_sandbox
from harness.sandbox.interface import Job, Limits, Mount, Sandbox

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "docker"))
from origin import origin  # noqa: E402

SPEED = "curl -sSk -o /dev/null -w '%{{speed_download}}\n' {url}"


def run(sandbox: Sandbox, folder: Path, script: str, hosts: tuple[str, ...]) -> tuple[float, str]:
    """Run a script as a job; give the seconds for all of it, and what it printed."""
    mount = Mount(source=folder, target="/data", writable=True)
    limits = Limits(
        timeout_s=120, memory_bytes=500_000_000, disk_bytes=100_000_000, output_bytes=100_000, cpus=2.0, pids=64
    )
    argv = ("bash", "-c", script)
    job = Job(
        name="bench", argv=argv, mounts=(mount,), workdir=mount, limits=limits, log_dir=folder / "logs", hosts=hosts
    )
    start = time.perf_counter()
    sandbox.run(job)
    return time.perf_counter() - start, job.stdout_path.read_text()


def direct(image: str, script: str) -> str:
    """Run a script in a plain container with the engine's own network."""
    return subprocess.run(
        ["docker", "run", "--rm", image, "bash", "-c", script], check=True, capture_output=True
    ).stdout.decode()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200)
    options = parser.parse_args()
    sandbox: Sandbox = choose_sandbox("docker", image_lock=ROOT / "image.lock", allow_process=False)
    with tempfile.TemporaryDirectory() as name:
        folder, site = Path(name, "work"), Path(name, "www")
        site.mkdir()
        without = [run(sandbox, folder, "true", ())[0] for _ in range(options.runs)]
        beside = [run(sandbox, folder, "true", ("files.example",))[0] for _ in range(options.runs)]
        print(f"a job of `true`: {statistics.median(without):.2f} s, with a proxy {statistics.median(beside):.2f} s")
        with origin(sandbox.host_address(), site) as found:
            for url in (f"http://{found.http}", f"https://{found.https}"):
                script = "; ".join([SPEED.format(url=f"{url}/as/megabytes/{options.megabytes}")] * options.runs)
                ours = statistics.median(map(float, run(sandbox, folder, script, (found.http, found.https))[1].split()))
                theirs = statistics.median(map(float, direct(str(sandbox.image_id), script).split()))
                kind = url.partition(":")[0]
                speeds = f"{ours / 1e6:.0f} MB/s through the proxy, {theirs / 1e6:.0f} MB/s direct"
                print(f"{kind}: {speeds}, {ours / theirs:.2f}x")


if __name__ == "__main__":
    main()
