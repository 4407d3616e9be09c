"""Runs jobs in containers of Docker Engine, or of Podman's compatible socket. Must not know what a job is for.

A deadline is kept out here: at its end the container is killed, not a process in it, and the engine is asked until it
says that the container is dead. What a container is told (`container_config`), how it is handled (`container`), how it
prints (`attach`, `capture`) and why it ended (`cause`) are decided elsewhere.
"""

import contextlib
import ipaddress
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import docker

from harness.errors import CommandNotFound, EnvironmentFault, HarnessError, SandboxFault
from harness.files import write_json
from harness.sandbox.alarm import Alarm
from harness.sandbox.attach import Attachment
from harness.sandbox.cancel import Cancellation
from harness.sandbox.capture import Capture
from harness.sandbox.cause import Cause, Observed
from harness.sandbox.cgroup import CgroupWatch
from harness.sandbox.container import Container, removed
from harness.sandbox.container_config import Engine, Owner, container_config, identity_for
from harness.sandbox.disk import DiskWatch
from harness.sandbox.end_watch import EndWatch
from harness.sandbox.ending import how_it_ended, writable_sources
from harness.sandbox.engine import EngineLife, connect, engine_faults, facts, gpu_ways, image_id, reap
from harness.sandbox.gpu.facts import GpuSeen
from harness.sandbox.gpu.grant import NO_GPU, grant
from harness.sandbox.gpu.host import read_driver_files
from harness.sandbox.gpu.slot import HeldGpu
from harness.sandbox.gpu.watch import GpuWatch
from harness.sandbox.interface import Ended, Job, Mount
from harness.sandbox.owner import own_address, this_host, this_owner
from harness.sandbox.ownership import hand_over, make_writable_sources
from harness.sandbox.private_folder import private_folder, reap_folders
from harness.sandbox.proxy.config import through_proxy
from harness.sandbox.proxy.running import running_proxy
from harness.sandbox.seccomp import podman_profile
from harness.sandbox.session import Replies, Session

_GPU_REFUSED = re.compile("device driver|nvidia|CDI", re.IGNORECASE)
_OUTPUT_PATIENCE_S = 30.0
_KILLED = 128 + 9
_NOT_STARTED = (1, 126, 127)  # what an init process ends with that cannot start its program; 1 is Podman's


class DockerSandbox:
    """Runs each job in a container of its own, with nothing allowed that the job does not ask for.

    Args:
        image: Name or id of the image; it is looked up once, so that a later tag of the same name changes nothing.
        gpu: The one GPU that programs without network see, or None.
        client: A connection to use; made by `connect` if there is none.

    Raises:
        EnvironmentFault: No engine answers, it has no such image, or it cannot give the GPU to a container.
    """

    name = "docker"
    isolates = True

    def __init__(self, image: str, *, gpu: HeldGpu | None = None, client: docker.DockerClient | None = None) -> None:
        self._client = client or connect()
        self._api = self._client.api
        self._gpu = gpu
        self._cancellation = Cancellation()
        self._owner = Owner(owner=this_owner(), host=this_host())
        self._open = contextlib.ExitStack()
        self._open.callback(self._client.close)
        with self._open:
            self.image_id: str | None = image_id(self._client, image)
            self._engine = self._tightened(facts(self._client))
            self._grant = grant(gpu.gpu, gpu_ways(self._client), read_driver_files()) if gpu else NO_GPU
            reap(self._client)
            reap_folders()
            self._open = self._open.pop_all()  # all went well: kept open until `close`

    def _tightened(self, engine: Engine) -> Engine:
        profile = podman_profile() if engine.podman else None
        if profile is None:
            return engine
        place = self._open.enter_context(private_folder()) / "seccomp.json"
        write_json(place, profile)
        return replace(engine, seccomp=place)

    def close(self) -> None:
        """Close the connection to the engine."""
        self._open.close()

    def path(self, mount: Mount, relative: str = "") -> str:
        """Tell the path at which the program sees `mount` (or a path below it)."""
        return f"{mount.target.rstrip('/')}/{relative}" if relative else mount.target

    def host_address(self) -> str:
        """Give the address at which a program reaches this machine if its job lists that address as a host.

        Podman makes its bridge with the first container on it, and a rootless engine's is out of reach: there it is the
        address by which this machine goes out.

        Raises:
            EnvironmentFault: The machine has no such address.
        """
        if self._engine.podman or self._engine.rootless:
            return own_address()
        with engine_faults("describe its network"):
            network = self._api.inspect_network("bridge")
        pool = network["IPAM"]["Config"][0]
        # Some engines leave the gateway out: it is then the first address of the network.
        return str(pool.get("Gateway") or next(ipaddress.ip_network(pool["Subnet"]).hosts()))

    def run(self, job: Job) -> Ended:
        """Run the job in a new container to its end, and remove the container whatever happens.

        Raises:
            CommandNotFound: The image has no such program as ``argv[0]``.
            EnvironmentFault: The engine is gone, the disk is full.
            SandboxFault: The container could not be made, started or stopped.
        """
        with _disk_of(job):
            if not job.hosts:
                return self._run_made(job, job)
            with running_proxy(job, self._container(f"{job.name}.proxy"), make=self._make_connected) as proxy:
                return proxy.finish(self._run_made(job, through_proxy(job, proxy.folder)))

    @contextlib.contextmanager
    def serve(self, job: Job) -> Iterator[Session]:
        """Start a container that is talked to line by line; see `Sandbox.serve`."""
        job = replace(job, talks=True)
        container = self._container(job.name)
        with contextlib.ExitStack() as stack:
            stack.enter_context(removed(container))
            with _disk_of(job):
                self._make(job, container)
                replies = Replies(job.stderr_path, limit_bytes=job.limits.output_bytes, silence_s=job.limits.timeout_s)
            stack.callback(replies.close)
            connection = container.attach(stdin=True)
            attachment = Attachment(connection, sink=replies, on_failure=replies.end, on_end=replies.end)
            stack.callback(attachment.abandon)
            stack.enter_context(self._cancellation.waking(replies.end))
            self._start(job, container)
            attachment.start()
            yield Session(replies, attachment.send)

    def cancel(self) -> None:
        """End all jobs; see `Sandbox.cancel`."""
        self._cancellation.cancel()

    def _container(self, name: str) -> Container:
        return Container(self._api, f"lora-harness-{name}-{uuid.uuid4().hex[:12]}")

    def _run_made(self, job: Job, made: Job) -> Ended:
        """Run `job` in a container that is made as `made` says."""
        container = self._container(job.name)
        with removed(container), contextlib.closing(EngineLife(self._client)) as life:
            self._make(made, container)
            alarm = Alarm()
            with Capture(
                job.stdout_path,
                job.stderr_path,
                limit_bytes=job.limits.output_bytes,
                on_overflow=lambda: alarm.fire(Cause.OUTPUT_CAP),
            ) as capture:
                attachment = Attachment(
                    container.attach(stdin=bool(job.stdin)), sink=capture, stdin=job.stdin, on_failure=alarm.wake
                )
                try:
                    return self._run(job, container, life, alarm=alarm, attachment=attachment)
                finally:
                    attachment.abandon()

    def _make_connected(self, job: Job, container: Container) -> None:
        self._make(job, container, connected=True)

    def _make(self, job: Job, container: Container, *, connected: bool = False) -> None:
        identity = identity_for(self._engine, uid=os.getuid(), gid=os.getgid())
        make_writable_sources(job.mounts)
        if identity.owner is not None:
            hand_over(job.mounts, uid=identity.owner, gid=identity.owner)
        container.make(
            container_config(
                job,
                image_id=self.image_id or "",
                engine=self._engine,
                identity=identity,
                owner=self._owner,
                gpu=NO_GPU if connected or job.hosts else self._grant,
                connected=connected,
            )
        )

    def _run(self, job: Job, container: Container, life: EngineLife, *, alarm: Alarm, attachment: Attachment) -> Ended:
        self._start(job, container)
        began = time.monotonic()
        watches = _Watches.of(job, container, alarm, gpu=None if job.hosts else self._gpu)
        attachment.start()
        watches.start()
        try:
            with self._cancellation.waking(alarm.wake):
                if not alarm.wait(job.limits.timeout_s):
                    alarm.fire(Cause.DEADLINE)
            self._cancellation.check()
            if not watches.end.came and watches.end.error is None:
                container.kill()
        finally:
            gpu_seen = watches.stop()
        state = self._last_state(container, watches.end)
        duration_s = time.monotonic() - began
        _require_output(job, attachment)
        if alarm.fired is None and watches.disk.is_over():
            alarm.fire(Cause.DISK_CAP)
        status = None if state is None else int(state["ExitCode"])
        # Who was killed while such a kill was counted around its group was it, unless something of ours has killed it.
        missed = status == _KILLED and alarm.fired is None and watches.cgroup.may_have_missed_a_kill
        out_of_memory = bool(state and state["OOMKilled"]) or watches.cgroup.oom_kills > 0 or missed
        seen = Observed(
            status=status,
            fired=alarm.fired,
            out_of_memory=out_of_memory,
            pids_refused=watches.cgroup.pids_refused,
            machine_ran_out=watches.cgroup.machine_ran_out(killed=out_of_memory),
            engine_gone=not state or (alarm.fired is None and state["ExitCode"] != 0 and not life.goes_on()),
        )
        if seen.fired is None and seen.status in _NOT_STARTED:
            _require_program(job, container)
        peak_bytes = watches.cgroup.peak_bytes
        return how_it_ended(job, seen, duration_s=duration_s, peak_memory_bytes=peak_bytes, gpu=gpu_seen)

    def _start(self, job: Job, container: Container) -> None:
        try:
            container.start()
        except SandboxFault as fault:
            _require_program(job, container)
            if self._gpu is not None and _GPU_REFUSED.search(str(fault)):
                raise EnvironmentFault(
                    f"The container engine cannot give GPU {self._gpu.gpu.uuid} to a container: {fault}",
                    remedy="Install the NVIDIA Container Toolkit, make its CDI specification anew, restart the engine.",
                ) from fault
            raise

    def _last_state(self, container: Container, end: EndWatch) -> dict[str, Any] | None:
        """Give the state of the dead container, or None where the engine is another one than at the start, or none."""
        if end.error is None:
            return container.dead_state()
        with contextlib.suppress(HarnessError):
            container.kill()  # an engine that is back does not know that nobody waits for its containers any more
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watches:
    """What looks at a running container from outside."""

    end: EndWatch
    cgroup: CgroupWatch
    disk: DiskWatch
    gpu: GpuWatch | None

    @classmethod
    def of(cls, job: Job, container: Container, alarm: Alarm, *, gpu: HeldGpu | None) -> Self:
        cgroup = CgroupWatch(container.pid(), otherwise=container.memory_stats)
        return cls(
            end=EndWatch(container.wait, on_end=alarm.wake),
            cgroup=cgroup,
            disk=DiskWatch(
                writable_sources(job),
                limit_bytes=job.limits.disk_bytes,
                on_over=lambda: alarm.fire(Cause.DISK_CAP),
                pids=cgroup.processes,
            ),
            gpu=gpu.watch(cgroup.processes) if gpu else None,
        )

    def start(self) -> None:
        if self.gpu:
            self.gpu.start()
        for one in (self.end, self.cgroup, self.disk):
            one.start()

    def stop(self) -> GpuSeen | None:
        self.cgroup.stop()
        self.disk.stop()
        return self.gpu.stop() if self.gpu else None


def _require_output(job: Job, attachment: Attachment) -> None:
    if not attachment.finish(_OUTPUT_PATIENCE_S):
        raise SandboxFault(
            f"The engine did not end the output of job {job.name} within {_OUTPUT_PATIENCE_S:.0f} s of its death.",
            remedy="Restart the container engine and grade again.",
        )
    if attachment.error is not None:
        raise attachment.error


def _require_program(job: Job, container: Container) -> None:
    if container.lacks(job.argv[0]):
        raise CommandNotFound(
            f"The image has no program `{job.argv[0]}`, which the command of {job.name} starts.",
            remedy="Correct the command in assignment.yaml, or add the program to the image and build it again.",
        )


@contextlib.contextmanager
def _disk_of(job: Job) -> Iterator[None]:
    """Turn what the host's file system refuses into a fault."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(
            f"The files of job {job.name} could not be kept: {error.strerror or error}.",
            remedy="Free some disk, see that the run folder can be written, and grade again.",
        ) from error
