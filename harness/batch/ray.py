"""Grades on the nodes of a Ray cluster: one grader for each GPU, or for each node where none is wanted.

The driver keeps the run: folder, lock, resume, retries, what is shown. It looks for nodes all the time, places a grader
on each that has none, sends submissions there and writes what comes back. The only module that imports ray.

Calls are short (receive, start, follow) instead of one that streams, so that they work through Ray Client too.
"""

import contextlib
import logging
import pkgutil
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from harness import __version__
from harness.batch.delivery import take_in
from harness.batch.fleet import Fleet, Member
from harness.batch.graders import Graders
from harness.batch.machine import Sizes
from harness.batch.node import NodeGrader, Opened, Opening, Told, opening_of
from harness.batch.parcel import chunks, pack
from harness.batch.plan import Plan
from harness.batch.seats import Seat, seats_of, sizes_at
from harness.batch.stage_watch import StageWatch
from harness.batch.store import RunStore
from harness.errors import Cancelled, ConfigError, EnvironmentFault, SandboxFault
from harness.model.event import Event, NodeChanged, OnEvent, Placed
from harness.model.result import Fault, Record
from harness.model.submission import Submission
from harness.sandbox.gpu.slot import AUTO

MOST_IN_FLIGHT = 256
PATIENCE_S = 120.0
MOVES = 3
_AT_ONCE = 64
_LOOK_S = 2.0
_AGAIN_S = 30.0
_PROBE_S = 120.0
_END_S = 30.0
_KNOCK_S = 10.0
_SETTLE_S = 30.0
_SETTLE_LOOK_S = 0.05


class RayGrader(NodeGrader):
    """A grader that has its GPU from Ray."""

    def open_here(self, opening: Opening, sizes: Sizes) -> Opened | Fault:
        """Open with the GPU that Ray gave to this actor, if it gave one."""
        mine = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        return self.open(opening, sizes=sizes, gpu=mine[0] if mine else None)


@contextlib.contextmanager
def ray_cluster(
    plan: Plan,
    store: RunStore,
    *,
    sizes: Sizes,
    alone: bool,
    presses: Callable[[], int],
    address: str,
    patience_s: float = PATIENCE_S,
) -> Iterator[Graders]:
    """Open the graders of a cluster for the time of the block.

    Args:
        plan: What is graded.
        store: The run folder.
        sizes: How many places each kind of work has with each grader.
        alone: There is one submission only.
        presses: Tells how often the user asked to end: once is enough while nodes are waited for.
        address: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.
        patience_s: How long to go on without any node that can grade.

    Raises:
        Cancelled: The user asked to end before it was open.
        ConfigError: GPUs are named one by one.
        EnvironmentFault: There is no such cluster, or no node of it can grade.
    """
    if plan.gpu not in (None, AUTO):
        raise ConfigError(
            "With --engine ray, Ray hands out the GPUs: --gpu UUID is for one machine.",
            remedy="Give --gpu auto; CUDA_VISIBLE_DEVICES at `ray start` says which GPUs a node gives.",
        )
    opening = opening_of(plan)
    with _connected(address):
        crew = _Crew(plan, opening, sizes, patience_s)
        try:
            first: _Grader = crew.fleet.wait_for_one(hopeless=crew.hopeless, presses=presses).handle
            if not alone:
                crew.settle(presses)
            yield Graders(
                sandbox=first.opened.sandbox,
                image_id=first.opened.image_id,
                in_flight=1 if alone else MOST_IN_FLIGHT,
                cancel=crew.end,
                finish=crew.fleet.close,
                begin=lambda on_event: _Dispatch(plan, store, crew, on_event).grade,
            )
        finally:
            crew.end()


@contextlib.contextmanager
def _connected(address: str) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=True)
    except (RayError, OSError, RuntimeError, ValueError, ImportError) as error:
        raise EnvironmentFault(
            f"There is no Ray cluster at {address} that this machine can join: {_first_line(error)}",
            remedy="`ray status` on a node; a driver's machine joins with `ray start --address HOST:PORT`, or grades "
            "from outside with --address ray://HOST:10001 (needs `ray[client]`). Same Ray and Python everywhere.",
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray puts its own there; ours counts who asked to end
    # Ray prints what raylets say of each other's death on standard output, whatever `log_to_driver` says.
    ray._private.worker._worker_logs_enabled = False
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens: Ray itself waits for minutes.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()


@dataclass(slots=True, kw_only=True, eq=False)
class _Grader:
    """An actor that is open."""

    seat: Seat
    actor: Any
    opened: Opened


class _Crew:
    """Keeps a grader on each seat of the cluster. A thread looks for seats; each start has one too.

    Attributes:
        fleet: The graders that are open.
    """

    def __init__(self, plan: Plan, opening: Opening, sizes: Sizes, patience_s: float) -> None:
        self._plan = plan
        self._opening = ray.put(opening)
        self._sizes = sizes
        self.fleet = Fleet(patience_s=patience_s, why=self._why)
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._actors: dict[tuple[str, int], Any] = {}
        self._rest_until: dict[tuple[str, int], float] = {}
        self._reasons: dict[str, str] = {}
        self._settled: Opened | None = None
        self._backlog: list[Event] = []
        self._tell: OnEvent = self._backlog.append
        self._ended = threading.Event()
        self._with_gpus = plan.gpu == AUTO and any(one.get("Resources", {}).get("GPU") for one in ray.nodes())
        self._look_out = threading.Thread(target=self._look, name="ray-nodes", daemon=True)
        self._look_out.start()

    @property
    def has_ended(self) -> bool:
        """Whether the graders were ended."""
        return self._ended.is_set()

    def hopeless(self) -> bool:
        """Tell whether each seat was tried and none can grade."""
        with self._lock:
            return bool(self._reasons) and not self._actors

    def settle(self, presses: Callable[[], int]) -> None:
        """Wait for the other graders, not for long: whoever is first would take all of a small class."""
        give_up = time.monotonic() + _SETTLE_S
        while time.monotonic() < give_up and len(self.fleet.members) < len(self._actors) and not presses():
            self._ended.wait(_SETTLE_LOOK_S)

    def tell_to(self, on_event: OnEvent) -> None:
        """Tell of nodes from now on, and what happened until now."""
        with self._telling:
            for event in self._backlog:
                on_event(event)
            self._tell = on_event

    def lose(self, member: Member, why: str) -> None:
        """Give a grader up: it is gone, or must be."""
        grader: _Grader = member.handle
        if not self.fleet.leave(member):
            return
        self._drop(grader.seat.key, grader.actor)
        self._say(member.name, "lost", why)

    def end(self) -> None:
        """End all graders, and with them all containers on nodes that live; a second call does nothing."""
        if self._ended.is_set():
            return
        self._ended.set()
        self.fleet.close()
        with self._lock:
            actors = [one for one in self._actors.values() if one is not None]
        closing = [actor.close.remote() for actor in actors]
        with contextlib.suppress(RayError):
            ray.wait(closing, num_returns=len(closing), timeout=_END_S) if closing else None
        for actor in actors:
            with contextlib.suppress(RayError):
                ray.kill(actor)

    def _look(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(RayError, ConnectionError):
                for seat in seats_of(ray.nodes(), with_gpus=self._with_gpus):
                    self._consider(seat)
            self._ended.wait(_LOOK_S)

    def _consider(self, seat: Seat) -> None:
        with self._lock:
            if seat.key in self._actors or self._rest_until.get(seat.key, 0.0) > time.monotonic():
                return
            self._actors[seat.key] = None
        threading.Thread(target=self._start, args=(seat,), name=f"ray-{seat.name}", daemon=True).start()

    def _start(self, seat: Seat) -> None:
        actor = None
        try:
            there = NodeAffinitySchedulingStrategy(seat.node_id, soft=False)
            _require_version(there)
            actor = (
                ray.remote(RayGrader)
                .options(
                    num_cpus=seat.cpus,
                    num_gpus=seat.gpus,
                    max_concurrency=_AT_ONCE,
                    max_restarts=0,
                    scheduling_strategy=there,
                )
                .remote()
            )
            with self._lock:
                self._actors[seat.key] = actor
            sizes = sizes_at(seat, self._sizes, cpus_of_run=self._plan.assignment.stages.run.cpus)
            self._reasons[seat.name] = "waits for its cores and GPU, which other work of the cluster holds."
            opened = ray.get(actor.open_here.remote(self._opening, sizes))
            why = f"{opened.message} {opened.remedy}" if isinstance(opened, Fault) else self._differs(opened)
        except EnvironmentFault as fault:
            why = f"{fault} {fault.remedy}"
        except RayError as error:
            why = f"No grader could be started there: {_first_line(error)}"
        if why:
            self._drop(seat.key, actor)
            self._leave_out(seat, why)
            return
        self._reasons.pop(seat.name, None)
        with self._lock:
            if self._ended.is_set():
                return
        in_flight = min(opened.in_flight, _AT_ONCE - 2)
        self.fleet.join(
            Member(name=seat.name, capacity=in_flight, handle=_Grader(seat=seat, actor=actor, opened=opened))
        )
        where = f"GPU {opened.gpu}" if opened.gpu else f"{seat.cpus} cores, no GPU"
        self._say(seat.name, "ready", f"{where}, {in_flight} submissions at a time.")

    def _differs(self, opened: Opened) -> str:
        """Settle sandbox and image by the first grader; tell what another one has that differs."""
        with self._lock:
            self._settled = settled = self._settled or opened
        if (opened.sandbox, opened.image_id) == (settled.sandbox, settled.image_id):
            return ""
        return (
            f"It grades with {opened.sandbox} ({opened.image_id}), others with {settled.sandbox} ({settled.image_id})."
        )

    def _leave_out(self, seat: Seat, why: str) -> None:
        known = self._reasons.get(seat.name)
        self._reasons[seat.name] = why
        if known != why and not self._ended.is_set():
            self._say(seat.name, "left out", why)

    def _drop(self, key: tuple[str, int], actor: Any) -> None:
        """Forget a grader; its seat is looked at again a little later."""
        if actor is not None:
            with contextlib.suppress(RayError):
                ray.kill(actor)
        with self._lock:
            self._rest_until[key] = time.monotonic() + _AGAIN_S
            self._actors.pop(key, None)

    def _say(self, node: str, state: Any, words: str) -> None:
        with self._telling:
            self._tell(NodeChanged(node=node, state=state, words=words))

    def _why(self) -> str:
        if not self._reasons:
            return "It has no node with cores" + (" and GPUs." if self._with_gpus else ".")
        return " ".join(f"{name}: {why}" for name, why in sorted(self._reasons.items()))


class _Dispatch:
    """Grades single submissions by the crew's graders and keeps what comes back."""

    def __init__(self, plan: Plan, store: RunStore, crew: _Crew, on_event: OnEvent) -> None:
        self._plan = plan
        self._store = store
        self._crew = crew
        self._parcels = store.root / "scratch"
        self._on_event = on_event
        crew.tell_to(on_event)

    def grade(self, submission: Submission, order: int) -> Record:
        """Grade one and write its record; on another node where one dies.

        Raises:
            Cancelled: The run was ended.
            EnvironmentFault: There is no node, or one after the other died.
            HarnessError: It cannot be read, or what came back cannot be used.
        """
        for _ in range(MOVES + 1):
            with self._crew.fleet.take(order) as member:
                self._on_event(Placed(submission=submission.id, node=member.name))
                watch = StageWatch(submission.id, self._on_event)
                try:
                    told = self._on(member.handle.actor, submission, order, watch)
                except RayTaskError:
                    raise
                except RayError as error:
                    if self._crew.has_ended:
                        raise Cancelled from error
                    self._crew.lose(member, _first_line(error))
                    watch.end_stage()
                    continue
            return self._keep(submission, told)
        raise EnvironmentFault(
            f"{MOVES + 1} nodes died while they graded {submission.id}.",
            remedy="Look at their memory and disk; `harness grade --resume FOLDER` goes on.",
        )

    def _on(self, actor: Any, submission: Submission, order: int, watch: "StageWatch") -> Told:
        ticket = uuid.uuid4().hex
        packed = self._parcels / f"{ticket}.tar"
        try:
            parcel = pack(submission, self._plan.assignment.submission, packed)
            for chunk in chunks(parcel.path):
                ray.get(actor.receive.remote(ticket, chunk))
        finally:
            packed.unlink(missing_ok=True)
        ray.get(actor.start.remote(ticket, submission, is_folder=parcel.is_folder, order=order))
        while True:
            told: Told = ray.get(actor.follow.remote(ticket))
            for event in told.events:
                watch.on_event(event)
            if told.delivery or told.fault or told.cancelled:
                return told

    def _keep(self, submission: Submission, told: Told) -> Record:
        if told.cancelled:
            raise Cancelled
        if told.delivery is None:
            assert told.fault is not None
            kind = EnvironmentFault if told.fault.kind == EnvironmentFault.__name__ else SandboxFault
            raise kind(told.fault.message, remedy=told.fault.remedy)
        take_in(told.delivery, self._store, submission_id=submission.id, assignment=self._plan.reference)
        return told.delivery.record


def _require_version(there: NodeAffinitySchedulingStrategy) -> None:
    """Make sure that the node has this version of the harness, by a task that needs none of it to be loaded.

    Raises:
        EnvironmentFault: It has none, or another.
        RayError: The node is gone.
    """
    look_up = ray.remote(pkgutil.resolve_name).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
    try:
        found = ray.get(look_up.remote("harness:__version__"), timeout=_PROBE_S)
    except (ImportError, AttributeError):  # a task's error is of the kind that was raised there, too
        found = "none"
    if found != __version__:
        raise EnvironmentFault(
            f"Its harness is {found}, the driver's is {__version__}.",
            remedy="Install the driver's version in the Python that runs Ray there, then `ray stop` and `ray start`.",
        )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    why = next((line for line in reversed(lines) if line.startswith("The actor")), lines[0] if lines else "")
    return why or type(error).__name__
