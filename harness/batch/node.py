"""What grades on a node of a cluster: this machine's sandboxes and scorer, for a driver on another machine.

It is opened once, then takes submissions, several at a time, and is asked again and again how they go. Nothing but a
bug is raised towards the driver: faults travel as data. Must not know how calls come here.
"""

import contextlib
import hashlib
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.batch.delivery import Delivery, collect, most_kept_bytes
from harness.batch.graders import pipeline_of
from harness.batch.machine import PACKAGE, Machine, Sizes, opened
from harness.batch.parcel import unpack
from harness.batch.pipeline import Pipeline, fault_of
from harness.batch.plan import Plan
from harness.batch.store import RunStore
from harness.errors import Cancelled, EnvironmentFault
from harness.files import remove_tree, sha256_file
from harness.model.event import Event, StageEnded, StageStarted, Waiting
from harness.model.result import Fault
from harness.model.submission import Submission
from harness.sandbox.choose import choose_sandbox
from harness.sandbox.gpu.nvml import open_nvml
from harness.sandbox.private_folder import private_folder

FOLLOW_S = 10.0
_END_S = 20.0
_HASHED_BYTES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a node needs to grade: the plan without submissions, and what must be here as it is at the driver.

    Attributes:
        plan: Its paths are the driver's; the base model lies at the same path on each node.
        image_lock: Text of the lock; None without one.
        package: `package_sha256` of the driver.
        base: `base_marks` of the driver.
    """

    plan: Plan
    image_lock: str | None
    package: str
    base: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A node that can grade: kind of sandbox, image, how many submissions at a time, its GPU if it has one."""

    sandbox: str
    image_id: str | None
    in_flight: int
    gpu: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a submission goes: what happened since it was asked last, and its end once it came.

    The end is what is kept of it, a fault that left nothing to keep, or `cancelled`.
    """

    events: tuple[Event, ...] = ()
    delivery: Delivery | None = None
    fault: Fault | None = None
    cancelled: bool = False


@dataclass(slots=True, kw_only=True)
class _Ticket:
    folder: Path
    news: "queue.Queue[Event | Told]" = field(default_factory=queue.Queue)


class NodeGrader:
    """Grades submissions here. Methods may be called from several threads; `open` first, `close` last."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._tickets: dict[str, _Ticket] = {}
        self._by_id: dict[str, _Ticket] = {}
        self._threads: list[threading.Thread] = []
        self._cancel: Callable[[], None] = lambda: None

    def open(self, opening: Opening, *, sizes: Sizes, gpu: str | None) -> Opened | Fault:
        """Open this machine for a run, or tell why it cannot grade it.

        Args:
            opening: What is graded.
            sizes: How many places each kind of work has.
            gpu: The GPU to use: its UUID, or its number as the driver lists them; None is none.
        """
        try:
            with ExitStack() as stack:
                found = self._open(stack, opening, sizes, gpu)
                self._stack = stack.pop_all()
                return found
        except Exception as error:
            return fault_of("open", error)

    def _open(self, stack: ExitStack, opening: Opening, sizes: Sizes, gpu: str | None) -> Opened:
        require_same(opening)
        self._folder = stack.enter_context(private_folder())
        plan = opening.plan
        lock = self._folder / "image.lock"
        if opening.image_lock is not None:
            lock.write_text(opening.image_lock, encoding="utf-8")
        plan = replace(plan, image_lock=lock, gpu=uuid_of(gpu) if gpu is not None else None)
        # What a dead grader left here may still hold the GPU: removed before anybody asks whether that is free.
        choose_sandbox(plan.kind, image_lock=lock, allow_process=plan.allow_process).close()
        self._store = RunStore(self._folder / "run")
        machine = stack.enter_context(opened(plan, self._store, sizes=sizes))
        stack.enter_context(self._store.held())
        self._pipeline: Pipeline = pipeline_of(plan, self._store, machine, self._tell)
        self._most_kept = most_kept_bytes(plan.assignment, examples=len(plan.examples))
        self._cancel = machine.cancel
        return _words(machine, plan)

    def receive(self, ticket: str, chunk: bytes) -> None:
        """Take the next piece of a parcel."""
        if ticket not in self._tickets:
            folder = self._folder / "incoming" / ticket
            folder.mkdir(parents=True)
            self._tickets[ticket] = _Ticket(folder=folder)
        with (self._tickets[ticket].folder / "parcel").open("ab") as file:
            file.write(chunk)

    def start(self, ticket: str, submission: Submission, *, is_folder: bool, order: int) -> None:
        """Begin to grade what was received; `follow` tells how it goes."""
        self._by_id[submission.id] = self._tickets[ticket]
        thread = threading.Thread(
            target=self._work, args=(self._tickets[ticket], submission, is_folder, order), daemon=True
        )
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def follow(self, ticket: str) -> Told:
        """Wait until something happened, ten seconds at most, and tell it; the end is told once."""
        news = self._tickets[ticket].news
        events: list[Event] = []
        wait_s = FOLLOW_S
        while True:
            try:
                one = news.get(timeout=wait_s)
            except queue.Empty:
                return Told(events=tuple(events))
            if isinstance(one, Told):
                del self._tickets[ticket]
                return replace(one, events=tuple(events))
            events.append(one)
            wait_s = 0.0

    def close(self) -> None:
        """End what is under way; stop the scorer, give the GPU back, remove all that was written here."""
        self._cancel()
        for one in self._threads:
            one.join(_END_S)
        self._stack.close()

    def _work(self, ticket: _Ticket, submission: Submission, is_folder: bool, order: int) -> None:
        end = self._grade(ticket, submission, is_folder, order)
        del self._by_id[submission.id]
        ticket.news.put(end)

    def _grade(self, ticket: _Ticket, submission: Submission, is_folder: bool, order: int) -> Told:
        parcel = ticket.folder / "parcel"
        place = ticket.folder / "submission" / submission.source.name
        kept = self._store.folder(submission.id)
        try:
            place.parent.mkdir()
            if is_folder:
                unpack(parcel, place)
            else:
                parcel.rename(place)
            record = self._pipeline.grade(replace(submission, source=place), order)
            return Told(delivery=collect(record, kept, limit_bytes=self._most_kept))
        except Cancelled:
            return Told(cancelled=True)
        except Exception as error:
            return Told(fault=fault_of("record", error))
        finally:
            for folder in (ticket.folder, kept):
                with contextlib.suppress(OSError):
                    remove_tree(folder)

    def _tell(self, event: Event) -> None:
        assert isinstance(event, Waiting | StageStarted | StageEnded)
        self._by_id[event.submission].news.put(event)


def _words(machine: Machine, plan: Plan) -> Opened:
    return Opened(
        sandbox=machine.sandbox.name,
        image_id=machine.sandbox.image_id,
        in_flight=machine.in_flight,
        gpu=plan.gpu,
    )


def opening_of(plan: Plan) -> Opening:
    """Say what a node needs to grade a plan.

    Raises:
        OSError: The base model or the lock cannot be read.
    """
    lock = plan.image_lock
    return Opening(
        plan=replace(plan, submissions=()),
        image_lock=lock.read_text(encoding="utf-8") if lock.is_file() and plan.kind != "process" else None,
        package=package_sha256(),
        base=base_marks(plan.base_path),
    )


def require_same(opening: Opening) -> None:
    """Make sure that this package and the base model here are the driver's.

    Raises:
        EnvironmentFault: They are not, or there is no base model.
    """
    if package_sha256() != opening.package:
        raise EnvironmentFault(
            f"The harness in {PACKAGE} has the driver's version, but other files.",
            remedy="Install the same commit on all nodes, then `ray stop` and `ray start` there.",
        )
    path = opening.plan.base_path
    if not (path / "config.json").is_file():
        raise EnvironmentFault(
            f"There is no base model at {path}: no config.json.",
            remedy="Copy it there, or make a link to it: the path is the same on all nodes.",
        )
    here = base_marks(path)
    other = sorted(name for name in {*here, *opening.base} if here.get(name) != opening.base.get(name))
    if other:
        raise EnvironmentFault(
            f"The base model at {path} is another one than the driver's: {', '.join(other[:5])}.",
            remedy="Copy the driver's folder there.",
        )


def package_sha256() -> str:
    """Give a digest of the package's Python files and their paths."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE)}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def base_marks(folder: Path) -> dict[str, str]:
    """Give size and, where that is quick, SHA-256 of each file; the scorer takes those of the weights (evidence)."""
    marks = {}
    for path in sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith(".")):
        size = path.stat().st_size
        marks[path.name] = f"{size} {sha256_file(path) if size <= _HASHED_BYTES else ''}"
    return marks


def uuid_of(gpu: str) -> str:
    """Give the UUID of a GPU that is named by it, or by its number among the whole GPUs as the driver lists them.

    Raises:
        EnvironmentFault: There is no such GPU.
    """
    if not gpu.isdecimal():
        return gpu
    nvml = open_nvml()
    if nvml is None:
        raise EnvironmentFault(
            "This node has no NVIDIA driver, but was started with GPUs.",
            remedy="Install it, or `ray start --num-gpus=0`.",
        )
    with nvml:
        whole = [one for one in nvml.inventory().gpus if one.parent is None]
    found = whole[int(gpu)].uuid if int(gpu) < len(whole) else None
    if found is None:
        raise EnvironmentFault(f"This node has no GPU {gpu}, only {len(whole)}.", remedy="`ray start` with as many.")
    return found
