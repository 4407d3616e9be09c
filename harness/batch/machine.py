"""Opens what this machine grades with: sandboxes, leased GPUs, scorers, and as many places as they allow."""

import importlib.metadata
import importlib.util
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.batch.lanes import Lane, Lanes, Place
from harness.batch.plan import Plan
from harness.batch.store import RunStore
from harness.errors import Cancelled, EnvironmentFault
from harness.sandbox.choose import choose_sandbox
from harness.sandbox.gpu.slot import AUTO, HeldGpu, held_gpu
from harness.sandbox.image.lock import read_lock
from harness.sandbox.interface import Sandbox
from harness.stages.scorer import Scorer

LOCAL_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "gdown", "sacrebleu")
PACKAGE = Path(harness.__file__).resolve().parent
FETCHES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many places each kind of work has; None leaves it to the machine. With GPUs, each is a place to run."""

    fetch: int | None = None
    cpu: int | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the run is graded with.

    Attributes:
        sandbox: Where nothing needs a GPU.
        lanes: The places.
        in_flight: How many submissions at a time keep them busy.
        packages: Versions of the Python packages that a submission's programs meet, as far as they are known.
        sleep: Waits some seconds; raises `Cancelled` where the run is ended meanwhile.
        cancel: Turns away whoever waits for a place and ends all that runs in sandboxes.
    """

    sandbox: Sandbox
    lanes: Lanes
    in_flight: int
    packages: Mapping[str, str]
    sleep: Callable[[float], None]
    cancel: Callable[[], None]


@contextmanager
def opened(plan: Plan, store: RunStore, *, sizes: Sizes, most_gpus: int | None = None) -> Iterator[Machine]:
    """Open the machine for the time of the block; afterwards scorers, sandboxes and leases are given back.

    Args:
        plan: What is graded.
        store: The run folder.
        sizes: How many places.
        most_gpus: Most GPUs that ``auto`` leases; None is all that are free.

    Raises:
        ConfigError: There is no such GPU, or processes are not allowed.
        EnvironmentFault: No engine where one is needed, another image than the lock's, no free GPU.
    """
    with ExitStack() as stack:

        def sandbox_for(gpu: HeldGpu | None) -> Sandbox:
            made = choose_sandbox(plan.kind, image_lock=plan.image_lock, allow_process=plan.allow_process, gpu=gpu)
            return stack.enter_context(closing(made))

        def scorer_in(sandbox: Sandbox, name: str) -> Scorer:
            scorer = Scorer(
                sandbox,
                assignment=plan.assignment,
                base=plan.base,
                base_path=plan.base_path,
                package=PACKAGE,
                adapters=store.adapters,
                folder=store.scorer,
                name=name,
            )
            stack.callback(scorer.stop)
            return scorer

        gpus = stack.enter_context(held_gpus(plan.gpu, most=most_gpus))
        plain = sandbox_for(None)
        if not plain.isolates:
            require_local()
        computing = [sandbox_for(gpu) for gpu in gpus]
        fetch, cpu, run = _numbers(sizes, gpus=len(gpus), cpus_of_run=plan.assignment.stages.run.cpus)
        places = [
            *(Place(lanes=frozenset({Lane.FETCH}), sandbox=plain) for _ in range(fetch)),
            *(Place(lanes=frozenset({Lane.CPU}), sandbox=plain) for _ in range(cpu)),
        ]
        if computing:
            both = frozenset({Lane.RUN, Lane.SCORE})
            places += [
                Place(lanes=both, sandbox=one, scorer=scorer_in(one, f"score-{number}"))
                for number, one in enumerate(computing)
            ]
        else:
            places += [Place(lanes=frozenset({Lane.RUN}), sandbox=plain) for _ in range(run)]
            places += [Place(lanes=frozenset({Lane.SCORE}), sandbox=plain, scorer=scorer_in(plain, "score"))]

        lanes, over = Lanes(places), threading.Event()

        def sleep(seconds: float) -> None:
            if over.wait(seconds):
                raise Cancelled

        def cancel() -> None:
            over.set()
            lanes.cancel()
            for one in (plain, *computing):
                one.cancel()

        yield Machine(
            sandbox=plain,
            lanes=lanes,
            in_flight=fetch + cpu + 2 * run + 2,
            packages=known_packages(plan.image_lock if plain.isolates else None),
            sleep=sleep,
            cancel=cancel,
        )


def _numbers(sizes: Sizes, *, gpus: int, cpus_of_run: float) -> tuple[int, int, int]:
    """Decide how many places there are: a run a GPU or as many as the cores carry, a core each for our own work."""
    cores = os.cpu_count() or 1
    runs = max(1, math.floor(cores / cpus_of_run))
    return sizes.fetch or FETCHES, sizes.cpu or cores, gpus or sizes.run or runs


@contextmanager
def held_gpus(choice: str | None, *, most: int | None) -> Iterator[tuple[HeldGpu, ...]]:
    """Lease the GPUs that `choice` means for the time of the block: none, one or several UUIDs, or all that are free.

    Raises:
        ConfigError: There is no such GPU.
        EnvironmentFault: One that was named is not free; with ``auto``, none is.
    """
    with ExitStack() as stack:
        held: list[HeldGpu] = []
        names = [AUTO] if choice == AUTO else (choice or "").split(",") if choice else []
        for name in names:
            gpu = stack.enter_context(held_gpu(name.strip(), purpose="grading a run"))
            held += [gpu] if gpu else []
        while choice == AUTO and held and (most is None or len(held) < most):
            try:
                gpu = stack.enter_context(held_gpu(AUTO, purpose="grading a run"))
            except EnvironmentFault:
                break
            held += [gpu] if gpu else []
        yield tuple(held)


def known_packages(image_lock: Path | None) -> Mapping[str, str]:
    """Give the versions of the packages in the image, or where there is none those of this Python that matter.

    Raises:
        EnvironmentFault: The lock cannot be read.
    """
    if image_lock is not None:
        return {wheel.name: wheel.version for wheel in read_lock(image_lock).wheels}
    found = (name for name in LOCAL_PACKAGES if importlib.util.find_spec(name) is not None)
    return {name: importlib.metadata.version(name) for name in found}


def require_local() -> None:
    """Make sure that this Python has what the image would have.

    Raises:
        EnvironmentFault: Packages are missing: a submission would fail for our reason.
    """
    missing = [name for name in LOCAL_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise EnvironmentFault(
            f"The process sandbox uses this Python, which lacks {', '.join(missing)}.",
            remedy="Start a container engine, or run `pip install '.[local]'` in the project's folder.",
        )
