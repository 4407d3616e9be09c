"""Compares a job in the container sandbox with bare `docker run`, and measures how soon a deadline ends a container.

Usage: python benchmarks/sandbox.py [--runs 5] [--deadlines 100]. Needs an engine and the image.lock of an image.
Exit code 1: a deadline took more than 2 s to end a container.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from harness.sandbox.cause import Cause
from harness.sandbox.choose import choose_sandbox
from harness.sandbox.interface import Job, Limits, Mount, Sandbox

WITHIN_S = 2.0
STUBBORN = {
    "setsid and ignored TERM": "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000' & sleep 1000",
    "double fork": "( setsid sleep 1000 & ) & wait; sleep 1000",
    "stopped processes": "sleep 1000 & kill -STOP $!; kill -STOP $$; sleep 1000",
    "fork bomb": "bomb() { bomb | bomb & }; bomb; while :; do sleep 1; done",
}


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


def deadlines(sandbox: Sandbox, folder: Path, script: str, runs: int) -> list[float]:
    """Give the seconds from a deadline of 1 s to the end of `run`, for each of several runs."""
    return [seconds(run_late, sandbox, job(folder, "bash", "-c", script, timeout_s=1)) - 1 for _ in range(runs)]


def run_late(sandbox: Sandbox, late: Job) -> None:
    """Run a job that must end by its deadline."""
    ended = sandbox.run(late)
    assert ended.cause is Cause.DEADLINE, ended


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--deadlines", type=int, default=100)
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    sandbox: Sandbox = choose_sandbox("docker", image_lock=root / "image.lock", allow_process=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = [seconds(sandbox.run, job(folder, "true")) for _ in range(options.runs)]
        theirs = [seconds(bare, str(sandbox.image_id)) for _ in range(options.runs)]
        late = {name: deadlines(sandbox, folder, script, options.deadlines // 4) for name, script in STUBBORN.items()}
    ratio = statistics.mean(ours) / statistics.mean(theirs)
    print(
        f"`true`: sandbox {statistics.mean(ours):.2f} s, bare docker run {statistics.mean(theirs):.2f} s, {ratio:.2f}x"
    )
    print("From the deadline until the container is removed:")
    for name, taken in late.items():
        print(f"{name}: mean {statistics.mean(taken):.2f} s, worst {max(taken):.2f} s of {len(taken)}")
    worst = max(max(taken) for taken in late.values())
    print(f"worst of all: {worst:.2f} s; at most {WITHIN_S:g} s are allowed")
    raise SystemExit(worst > WITHIN_S)


if __name__ == "__main__":
    main()
