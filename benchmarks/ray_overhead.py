"""What Ray costs: a class graded here and on a cluster of one node on this machine, in one run, equally parallel.

Usage: python -m benchmarks.ray_overhead [--students N] [--rounds N]

Submissions have trivial scripts and no prompt file, so that nothing is scored: each is intake, download.sh, run.sh and
the text metrics, as processes. Both sides take turns. What is told is the time from the first submission to the last
record, and apart from it how long it took until the cluster's grader was open.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.ray_cluster import ROOT, ray_nodes
from benchmarks.simulated import make_class
from harness.batch.grade import grade_run
from harness.batch.graders import Opener, this_machine
from harness.batch.handed_in import with_submissions
from harness.batch.machine import Sizes
from harness.batch.plan import Plan, load_plan
from harness.batch.ray import ray_cluster
from harness.model.event import Event, Planned, Recorded

SIZES = Sizes(fetch=4, cpu=2, run=2)


@dataclass(slots=True)
class Times:
    """When a run was started, began to grade and wrote its last record; seconds."""

    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)
    planned: float = 0.0
    last: float = 0.0

    def on_event(self, event: Event) -> None:
        """Note the time of an event."""
        match event:
            case Planned():
                self.planned = self.clock()
            case Recorded():
                self.last = self.clock()


def plan_for(folder: Path, *, students: int, base: Path, adapter: Path) -> Plan:
    """Make the class and plan to grade it."""
    sources = make_class(folder / "handed-in", adapter, students=students, root=ROOT)
    for source in sources:
        (source / "submission" / "utils.py").unlink()
    plan = load_plan(
        assignment_path=ROOT / "assignments/classical-chinese",
        base_path=base,
        split="private",
        kind="process",
        image_lock=ROOT / "image.lock",
        gpu=None,
        allow_process=True,
    )
    return with_submissions(plan, sources, run_folder=folder / "runs")


def measure(plan: Plan, run: Path, opener: Opener) -> Times:
    """Grade the class once."""
    times = Times()
    tally = grade_run(plan, run, on_event=times.on_event, sizes=SIZES, opener=opener).tally
    if tally.not_graded:
        raise SystemExit(f"not graded: {tally.not_graded}")
    return times


def main() -> int:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-model", type=Path, default=ROOT / "build/demo/models/Qwen3-tiny")
    parser.add_argument("--adapter", type=Path, default=ROOT / "build/demo/training/adapter_checkpoint")
    parser.add_argument("--students", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-ray"))
    seconds: dict[str, list[float]] = {"local": [], "ray": []}
    opened_s = []
    try:
        plan = plan_for(folder, students=options.students, base=options.base_model, adapter=options.adapter)
        with ray_nodes(2) as cluster:
            openers: dict[str, Opener] = {"local": this_machine, "ray": partial(ray_cluster, address=cluster.address)}
            for number in range(options.rounds):
                for name, opener in openers.items():
                    times = measure(plan, folder / "runs" / f"{name}-{number}", opener)
                    seconds[name].append(times.last - times.planned)
                    if name == "ray":
                        opened_s.append(times.planned - times.started)
                    print(f"round {number + 1}, {name}: {seconds[name][-1]:.2f} s", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for word, choose in (("median", statistics.median), ("shortest", min)):
        local, on_ray = (choose(seconds[name]) for name in ("local", "ray"))
        each_ms = (on_ray - local) / options.students * 1000
        print(f"{word}: local {local:.2f} s, ray {on_ray:.2f} s, {on_ray / local:.3f}x, {each_ms:+.0f} ms a submission")
    print(f"the grader was open after {statistics.median(opened_s):.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
