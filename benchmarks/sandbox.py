"""Compares a job in the container sandbox with bare `docker run`, and measures how soon a deadline ends a container.

Usage: python benchmarks/sandbox.py [--runs 5] [--deadlines 10]. Needs an engine and the image of `harness image build`.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from harness.sandbox.choose import choose_sandbox
from harness.sandbox.interface import Job, Limits, Mount, Sandbox

STUBBORN = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000' & kill -STOP $!; sleep 1000"


def job(folder: Path, *argv: str, timeout_s: float = 60) -> Job:
    """Make a job with usual limits."""
    mount = Mount(source=folder, target="/data", writable=True)
    limits = Limits(
        timeout_s=timeout_s,
        memory_bytes=500_000_000,
        disk_bytes=100_000_000,
        output_bytes=100_000,
        cpus=1.0,
        pids=64,
    )
    return Job(name="bench", argv=argv, mounts=(mount,), workdir=mount, limits=limits, log_dir=folder / "logs")


def seconds(call: object, *arguments: object) -> float:
    """Time one call."""
    start = time.perf_counter()
    call(*arguments)  # type: ignore[operator]
    return time.perf_counter() - start


def bare(image: str) -> None:
    """Run `true` through the engine's own client."""
    subprocess.run(["docker", "run", "--rm", "--network", "none", image, "true"], check=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--deadlines", type=int, default=10)
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    sandbox: Sandbox = choose_sandbox("docker", image_lock=root / "image.lock", allow_process=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = [seconds(sandbox.run, job(folder, "true")) for _ in range(options.runs)]
        theirs = [seconds(bare, str(sandbox.image_id)) for _ in range(options.runs)]
        late = [
            seconds(sandbox.run, job(folder, "sh", "-c", STUBBORN, timeout_s=1)) - 1 for _ in range(options.deadlines)
        ]
    ratio = statistics.mean(ours) / statistics.mean(theirs)
    print(
        f"`true`: sandbox {statistics.mean(ours):.2f} s, bare docker run {statistics.mean(theirs):.2f} s, {ratio:.2f}x"
    )
    print(f"deadline to container removed: mean {statistics.mean(late):.2f} s, worst {max(late):.2f} s of {len(late)}")


if __name__ == "__main__":
    main()
