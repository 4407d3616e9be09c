"""A class in one go: beside bare engine calls, beside the bound that the lanes allow, and what it takes of memory.

Usage: python -m benchmarks.batch containers|mixed|memory|leaks [--students N] ...

    containers  N submissions with trivial scripts, and the same containers by bare engine calls at the same parallelism
    mixed       stages that only take time (seeded), against the bound that the lanes allow
    memory      stages that take no time: peak memory of the harness for few and for many submissions
    leaks       N real submissions as processes in one go: descriptors, threads, processes, temporary files left

Exit code 1: a bound is broken (1.10x, 1.05x, 1.10x, anything left).
"""

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import yaml

from benchmarks.simulated import SimulatedSandbox, make_adapter, make_base, make_class
from harness.batch import machine
from harness.batch.grade import grade_run
from harness.batch.handed_in import with_submissions
from harness.batch.machine import PACKAGE, Sizes
from harness.batch.plan import Plan, load_plan
from harness.batch.store import RunStore
from harness.model.result import Outcome
from harness.sandbox.choose import Kind, verified_image
from harness.sandbox.container import Container
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.interface import Ended, Job
from harness.scoring.protocol import PromptedExample
from harness.stages.scorer import Scorer

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "build/demo/models/Qwen3-tiny"
ADAPTER = ROOT / "build/demo/training/adapter_checkpoint"
ASSIGNMENT = ROOT / "assignments/classical-chinese"
LANES = {"fetch": 4, "cpu": 2, "run": 2, "score": 1}
LANE_OF = {"fetch": "fetch", "render": "cpu", "run": "run", "compare": "cpu", "score": "score"}
SIZES = Sizes(fetch=LANES["fetch"], cpu=LANES["cpu"], run=LANES["run"])
MOST_OF_BARE, MOST_OF_BOUND, MOST_OF_FEW = 1.10, 1.05, 1.10


def plan_for(
    folder: Path, *, students: int, base: Path, adapter: Path, kind: Kind, assignment: Path = ASSIGNMENT
) -> Plan:
    """Make a class of so many and plan to grade it."""
    plan = load_plan(
        assignment_path=assignment,
        base_path=base,
        split="private",
        kind=kind,
        image_lock=ROOT / "image.lock",
        gpu=None,
        allow_process=True,
    )
    sources = make_class(folder / "handed-in", adapter, students=students, root=ROOT)
    return with_submissions(plan, sources, run_folder=folder / "run")


def grade_all(plan: Plan, run: Path, *, sizes: Sizes = SIZES) -> float:
    """Grade; every submission must pass. Give the seconds."""
    began = time.perf_counter()
    tally = grade_run(plan, run, on_event=lambda event: None, sizes=sizes).tally
    took = time.perf_counter() - began
    if tally.graded[Outcome.PASSED] != len(plan.submissions):
        raise SystemExit(f"not all passed: {tally}")
    return took


# Beside bare engine calls.


class Recording(DockerSandbox):
    """Notes its jobs, with copies of what their mounts held when they began."""

    def __init__(self, image: str, copies: Path) -> None:
        super().__init__(image)
        self.copies = copies
        self.jobs: list[Job] = []

    def run(self, job: Job) -> Ended:
        """Note the job, then run it."""
        mounts = []
        for number, one in enumerate(job.mounts):
            copy = self.copies / job.name / str(number)
            if one.source != PACKAGE and not one.target.startswith("/models") and one.source.is_dir():
                shutil.copytree(one.source, copy, symlinks=True)
                one = replace(one, source=copy)
            mounts.append(one)
        workdir = next(new for old, new in zip(job.mounts, mounts, strict=True) if old == job.workdir)
        self.jobs.append(replace(job, mounts=tuple(mounts), workdir=workdir))
        return super().run(job)


def own_copy(job: Job, copies: Path, folder: Path) -> Job:
    """Give the job with mounts of its own."""
    mounts = []
    for one in job.mounts:
        if one.source.is_relative_to(copies):
            own = folder / one.source.relative_to(copies)
            shutil.copytree(one.source, own, symlinks=True)
            one = replace(one, source=own)
        mounts.append(one)
    workdir = next(new for old, new in zip(job.mounts, mounts, strict=True) if old.target == job.workdir.target)
    return replace(job, mounts=tuple(mounts), workdir=workdir)


def bare_run(sandbox: DockerSandbox, job: Job, name: str) -> None:
    """Make, start, wait, remove: nothing else."""
    container = Container(sandbox._api, name)
    sandbox._make(job, container)
    try:
        if job.stdin:
            connection = container.attach(stdin=True)
        container.start()
        if job.stdin:
            connection.sendall(job.stdin)
            connection.close()
        container.wait()
        if container.state()["ExitCode"] != 0:
            raise SystemExit(f"{job.name} failed on the bare side")
    finally:
        container.remove()


def containers(folder: Path, options: argparse.Namespace) -> bool:
    """Compare a run with bare engine calls."""
    rules = yaml.safe_load((ASSIGNMENT / "assignment.yaml").read_text(encoding="utf-8"))
    rules["stages"]["fetch"]["hosts"] = []  # the proxy's price is measured by benchmarks/proxy.py
    for stage in rules["stages"].values():
        stage["cpus"] = 1
    shutil.copytree(ASSIGNMENT / "data", folder / "assignment/data")
    (folder / "assignment/assignment.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    plan = plan_for(
        folder,
        students=options.students,
        base=TINY,
        adapter=ADAPTER,
        kind="docker",
        assignment=folder / "assignment",
    )
    image = verified_image(ROOT / "image.lock")
    with ExitStack() as stack:
        recording = stack.enter_context(closing(Recording(image, folder / "copies")))
        with mock.patch.object(machine, "choose_sandbox", lambda *_, **__: recording):
            grade_all(replace(plan, submissions=plan.submissions[:1]), folder / "first")  # warms both sides up
        sandbox = stack.enter_context(closing(DockerSandbox(image)))
        ids = [one.id for one in plan.submissions]
        jobs = {one: [own_copy(job, folder / "copies", folder / "bare" / one) for job in recording.jobs] for one in ids}
        used = resource.getrusage(resource.RUSAGE_SELF)
        ours = grade_all(plan, folder / "run")
        now = resource.getrusage(resource.RUSAGE_SELF)
        bare = bare_all(plan, sandbox, jobs, folder)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{len(ids)} submissions, {sum(map(len, jobs.values()))} containers and a warm worker, places {LANES}")
    print(f"bare engine calls {bare:.1f} s, harness {ours:.1f} s: {ours / bare:.3f}x")
    print(f"harness: {cpu / len(ids):.3f} s of CPU a submission, {now.ru_maxrss / 1024:.0f} MB at most")
    return ours <= MOST_OF_BARE * bare


def bare_all(plan: Plan, sandbox: DockerSandbox, jobs: dict[str, list[Job]], folder: Path) -> float:
    """Run all jobs and scores by bare calls, as many at a time as the lanes allow. Give the seconds."""
    places = {lane: threading.Semaphore(count) for lane, count in LANES.items()}
    store = RunStore(folder / "bare-run")
    adapters = {one: folder / "bare-adapters" / one for one in jobs}
    for adapter in adapters.values():
        shutil.copytree(ADAPTER, adapter)
    scorer = Scorer(
        sandbox,
        assignment=plan.assignment,
        base=plan.base,
        base_path=plan.base_path,
        package=PACKAGE,
        adapters=folder / "bare-adapters",
        folder=store.scorer,
    )
    examples = tuple(PromptedExample(id=one.id, prompt=one.instruction, output=one.output) for one in plan.examples)

    def work(name: str) -> None:
        for job in jobs[name]:
            if job.name == "compare":  # the order of the stages
                with places["score"]:
                    scorer.score(adapters[name], examples)
            with places[LANE_OF[job.name]]:
                bare_run(sandbox, job, f"bare-{name}-{job.name}")

    began = time.perf_counter()
    with ThreadPoolExecutor(sum(LANES.values()) + LANES["run"]) as pool:
        list(pool.map(work, jobs))
    scorer.stop()
    return time.perf_counter() - began


# Beside the bound of the lanes.


@dataclass(slots=True)
class Times:
    """How long each stage of each submission takes, drawn once."""

    chance: random.Random
    scale_s: float
    drawn: dict[tuple[str, str], float] = field(default_factory=dict)

    def draw(self, names: Sequence[str]) -> None:
        """Draw for all: downloads vary most, one in twenty is very slow; student programs take longest together."""
        for name in names:
            slow = 10.0 if self.chance.random() < 0.05 else 1.0
            for stage, middle, spread in (
                ("fetch", 1.0 * slow, 0.8),
                ("render", 0.15, 0.2),
                ("run", 1.6, 0.5),
                ("score", 0.3, 0.1),
                ("compare", 0.15, 0.1),
            ):
                self.drawn[name, stage] = self.scale_s * middle * self.chance.lognormvariate(0, spread)

    def __call__(self, name: str, stage: str) -> float:
        """Give the seconds."""
        return self.drawn[name, stage]

    def bound_s(self, names: Sequence[str]) -> float:
        """Give the seconds below which nobody can stay: of each lane what comes before, its work, what follows."""
        stages = ("fetch", "render", "run", "score", "compare")
        bounds = [max(sum(self(name, stage) for stage in stages) for name in names)]
        for lane, places in LANES.items():
            mine = [stage for stage in stages if LANE_OF[stage] == lane]
            first, last = stages.index(mine[0]), stages.index(mine[-1])
            head = min(sum(self(name, stage) for stage in stages[:first]) for name in names)
            tail = min(sum(self(name, stage) for stage in stages[last + 1 :]) for name in names)
            bounds.append(head + sum(self(name, stage) for name in names for stage in mine) / places + tail)
        return max(bounds)


def mixed(folder: Path, options: argparse.Namespace) -> bool:
    """Compare a run of stages that only take time with the bound."""
    plan = simulated_plan(folder, options.students)
    names = [one.id for one in plan.submissions]
    times = Times(random.Random(options.seed), options.scale)
    times.draw(names)
    sandbox = SimulatedSandbox(times)
    with simulated(lambda: sandbox):
        took = grade_all(plan, folder / "run")
    bound = times.bound_s(names)
    print(f"{len(names)} submissions, places {LANES}: {took:.1f} s, bound {bound:.1f} s: {took / bound:.3f}x")
    print(f"most at a time: {sandbox.most}")
    return took <= MOST_OF_BOUND * bound


def simulated_plan(folder: Path, students: int) -> Plan:
    """Plan a class whose base model and adapter are zeros."""
    base, adapter = make_base(folder / "Qwen3-tiny"), make_adapter(folder / "adapter")
    return plan_for(folder, students=students, base=base, adapter=adapter, kind="process")


def simulated(sandbox: Callable[[], SimulatedSandbox]) -> Any:
    """Have runs use a simulated sandbox for the time of a block."""
    stack = ExitStack()
    stack.enter_context(mock.patch.object(machine, "choose_sandbox", lambda *_, **__: sandbox()))
    stack.enter_context(mock.patch.object(machine, "known_packages", lambda image_lock: {}))
    return stack


# Memory, and what is left behind.


def memory(folder: Path, options: argparse.Namespace) -> bool:
    """Compare the peak of few with that of many, each in a process of its own."""
    peaks = []
    for students in (options.few, options.students):
        command = [sys.executable, "-m", "benchmarks.batch", "peak", "--students", str(students)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout))
        print(f"{students} submissions: {peaks[-1]:.1f} MB at most")
    print(f"{peaks[1] / peaks[0]:.3f}x")
    return peaks[1] <= MOST_OF_FEW * peaks[0]


def peak(folder: Path, options: argparse.Namespace) -> bool:
    """Print the peak memory of a simulated run in MB."""
    plan = simulated_plan(folder, options.students)
    with simulated(lambda: SimulatedSandbox(lambda submission, stage: 0.0)):
        grade_all(plan, folder / "run")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return True


def leaks(folder: Path, options: argparse.Namespace) -> bool:
    """Grade many for real, as processes, and look for what is left."""
    plan = plan_for(folder, students=options.students, base=TINY, adapter=ADAPTER, kind="process")
    plan = replace(plan, examples=plan.examples[:4])
    private = folder / "tmp"
    private.mkdir()
    with mock.patch.object(tempfile, "tempdir", str(private)):
        grade_all(replace(plan, submissions=plan.submissions[:2]), folder / "first")
        before = left(private)
        took = grade_all(plan, folder / "run")
        after = left(private)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.students} submissions in {took:.0f} s, {rss:.0f} MB at most; before {before}, after {after}")
    return after == before


def left(private: Path) -> dict[str, int]:
    """Count what this process holds."""
    me = psutil.Process()
    return {
        "descriptors": me.num_fds(),
        "threads": threading.active_count(),
        "processes": len(me.children(recursive=True)),
        "temporary files": len(list(private.iterdir())),
    }


WHAT = {"containers": containers, "mixed": mixed, "memory": memory, "peak": peak, "leaks": leaks}
STUDENTS = {"containers": 64, "mixed": 128, "memory": 1000, "peak": 64, "leaks": 1000}


def main() -> int:
    """Measure one thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--students", type=int)
    parser.add_argument("--few", type=int, default=64, help="memory: the class that the large one is compared with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=0.6, help="mixed: seconds of a middling download")
    options = parser.parse_args()
    options.students = options.students or STUDENTS[options.what]
    with tempfile.TemporaryDirectory(prefix="lora-batch-") as folder:
        return 0 if WHAT[options.what](Path(folder), options) else 1


if __name__ == "__main__":
    sys.exit(main())
