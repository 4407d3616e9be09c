"""Runs jobs in containers of Docker Engine, or of Podman's compatible socket. Must not know what a job is for.

A deadline is kept out here: at its end the container is killed, not a process in it, and the engine is asked until it
says that the container is dead. What a container is told (`container_config`), how it is handled (`container`), how it
prints (`attach`, `capture`) and why it ended (`cause`) are decided elsewhere.
"""

import contextlib
import ipaddress
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import docker

from harness.errors import CommandNotFound, EnvironmentFault, HarnessError, SandboxFault
from harness.sandbox.alarm import Alarm
from harness.sandbox.attach import Attachment
from harness.sandbox.capture import Capture
from harness.sandbox.cause import Cause, Observed
from harness.sandbox.cgroup import CgroupWatch
from harness.sandbox.container import Container, pids_below
from harness.sandbox.container_config import Owner, container_config, identity_for
from harness.sandbox.disk import DiskWatch
from harness.sandbox.end_watch import EndWatch
from harness.sandbox.ending import how_it_ended, writable_sources
from harness.sandbox.engine import EngineLife, connect, engine_faults, facts, image_id, reap
from harness.sandbox.interface import Ended, Job, Mount
from harness.sandbox.owner import this_host, this_owner
from harness.sandbox.ownership import hand_over, make_writable_sources

_OUTPUT_PATIENCE_S = 30.0


class DockerSandbox:
    """Runs each job in a container of its own, with nothing allowed that the job does not ask for.

    Args:
        image: Name or id of the image; it is looked up once, so that a later tag of the same name changes nothing.
        gpu: UUID of the one GPU that programs see, or None.
        client: A connection to use; made by `connect` if there is none.

    Raises:
        EnvironmentFault: No engine answers, or it has no such image.
    """

    name = "docker"
    isolates = True

    def __init__(self, image: str, *, gpu: str | None = None, client: docker.DockerClient | None = None) -> None:
        self._client = client or connect()
        self._api = self._client.api
        self._gpu = gpu
        self._owner = Owner(owner=this_owner(), host=this_host())
        try:
            self.image_id: str | None = image_id(self._client, image)
            self._engine = facts(self._client)
            reap(self._client)
            self._life = EngineLife(self._client)
        except BaseException:
            self._client.close()
            raise

    def close(self) -> None:
        """Close the connection to the engine."""
        self._life.close()
        self._client.close()

    def path(self, mount: Mount, relative: str = "") -> str:
        """Tell the path at which the program sees `mount` (or a path below it)."""
        return f"{mount.target.rstrip('/')}/{relative}" if relative else mount.target

    def host_address(self) -> str:
        """Give the address at which a program with network reaches this machine."""
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
        container = Container(self._api, f"lora-harness-{job.name}-{uuid.uuid4().hex[:12]}")
        with _removed(container), _disk_of(job):
            self._make(job, container)
            alarm = Alarm()
            with Capture(
                job.stdout_path,
                job.stderr_path,
                limit_bytes=job.limits.output_bytes,
                on_overflow=lambda: alarm.fire(Cause.OUTPUT_CAP),
            ) as capture:
                attachment = Attachment(
                    container.attach(stdin=bool(job.stdin)), capture=capture, stdin=job.stdin, on_failure=alarm.wake
                )
                try:
                    return self._run(job, container, alarm=alarm, attachment=attachment)
                finally:
                    attachment.abandon()

    def _make(self, job: Job, container: Container) -> None:
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
                gpu=self._gpu,
            )
        )

    def _run(self, job: Job, container: Container, *, alarm: Alarm, attachment: Attachment) -> Ended:
        self._start(job, container)
        began = time.monotonic()
        watches = _Watches.of(job, container, alarm)
        attachment.start()
        watches.start()
        try:
            if not alarm.wait(job.limits.timeout_s):
                alarm.fire(Cause.DEADLINE)
            if not watches.end.came and watches.end.error is None:
                container.kill()
        finally:
            watches.stop()
        state = self._last_state(container, watches.end)
        duration_s = time.monotonic() - began
        _require_output(job, attachment)
        if alarm.fired is None and watches.disk.is_over():
            alarm.fire(Cause.DISK_CAP)
        seen = Observed(
            status=None if state is None else int(state["ExitCode"]),
            fired=alarm.fired,
            out_of_memory=bool(state and state["OOMKilled"]) or watches.cgroup.oom_kills > 0,
            pids_refused=watches.cgroup.pids_refused > 0,
            engine_gone=not state or (alarm.fired is None and state["ExitCode"] != 0 and not self._life.goes_on()),
        )
        if seen.fired is None and seen.status in (126, 127):
            _require_program(job, container)
        return how_it_ended(job, seen, duration_s=duration_s, peak_memory_bytes=watches.cgroup.peak_bytes)

    def _start(self, job: Job, container: Container) -> None:
        try:
            container.start()
        except SandboxFault as fault:
            _require_program(job, container)
            if self._gpu is not None and "device driver" in str(fault):
                raise EnvironmentFault(
                    f"The container engine cannot give GPU {self._gpu} to a container: {fault}",
                    remedy="Install the NVIDIA Container Toolkit and restart the engine.",
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

    @classmethod
    def of(cls, job: Job, container: Container, alarm: Alarm) -> Self:
        first = container.pid()
        return cls(
            end=EndWatch(container.wait, on_end=alarm.wake),
            cgroup=CgroupWatch(first, otherwise=container.memory_stats),
            disk=DiskWatch(
                writable_sources(job),
                limit_bytes=job.limits.disk_bytes,
                on_over=lambda: alarm.fire(Cause.DISK_CAP),
                pids=lambda: pids_below(first),
            ),
        )

    def start(self) -> None:
        for one in (self.end, self.cgroup, self.disk):
            one.start()

    def stop(self) -> None:
        self.cgroup.stop()
        self.disk.stop()


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
def _removed(container: Container) -> Iterator[None]:
    """Remove the container whatever happens; a failure to do so does not hide what happened before."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(HarnessError):
            container.remove()
        raise
    container.remove()


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
