"""Runs jobs in containers of Docker Engine, or of Podman's compatible socket. Must not know what a job is for.

A deadline is kept out here: at its end the container is killed, not a process in it, and the engine is asked until it
says that the container is dead. What a container is told (`container`), how it prints (`attach`, `capture`) and why it
ended (`cause`) are decided elsewhere.
"""

import contextlib
import ipaddress
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import docker
import psutil
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException

from harness.errors import CommandNotFound, EnvironmentFault, HarnessError, SandboxFault
from harness.sandbox.alarm import Alarm
from harness.sandbox.attach import Attachment
from harness.sandbox.capture import Capture
from harness.sandbox.cause import Cause, Observed
from harness.sandbox.container import SANDBOX_USER, Engine, Owner, container_config, identity_for
from harness.sandbox.disk import DiskWatch
from harness.sandbox.ending import how_it_ended, writable_sources
from harness.sandbox.engine_threads import EndWatch, MemoryWatch
from harness.sandbox.interface import Ended, Job, Mount
from harness.sandbox.lookup import DEFAULT_PATH, candidates, is_program
from harness.sandbox.owner import HOST_LABEL, OWNER_LABEL, is_alive, this_host, this_owner
from harness.sandbox.ownership import hand_over, make_writable_sources

_KILL_PATIENCE_S = 30.0
_OUTPUT_PATIENCE_S = 30.0
_REMOVE_PATIENCE_S = 30.0
_START_AN_ENGINE = (
    "Start Docker (`systemctl start docker`) or Podman's socket, point DOCKER_HOST at it, and see that you may use it "
    "(group `docker`); `harness doctor` checks it."
)


def connect() -> docker.DockerClient:
    """Connect to the engine that DOCKER_HOST names, or to the usual socket.

    Raises:
        EnvironmentFault: No engine answers.
    """
    try:
        return docker.from_env()
    except (DockerException, RequestException) as error:
        raise EnvironmentFault(f"No container engine answers: {error}", remedy=_START_AN_ENGINE) from error


def describe(client: docker.DockerClient) -> str:
    """Tell which engine it is, such as ``Docker Engine 20.10.24, overlay2, cgroup v1``."""
    with _engine("describe itself"):
        info, version = client.info(), client.version()
    return f"{_product(version)} {version['Version']}, {info['Driver']}, cgroup v{info.get('CgroupVersion', '?')}"


def _product(version: dict[str, Any]) -> str:
    podman = any("Podman" in part.get("Name", "") for part in version.get("Components") or [])
    return "Podman" if podman else "Docker Engine"


def reap(client: docker.DockerClient) -> int:
    """Remove the containers that a dead harness of this machine left behind; give their number.

    Raises:
        EnvironmentFault: The engine is gone.
        SandboxFault: The engine refuses.
    """
    ours = [OWNER_LABEL, f"{HOST_LABEL}={this_host()}"]
    with _engine("list containers"):
        found = client.api.containers(all=True, filters={"label": ours})
    orphans = [one["Id"] for one in found if not is_alive(one["Labels"][OWNER_LABEL])]
    for one in orphans:
        _remove(client.api, one)
    return len(orphans)


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
            self.image_id: str | None = _image_id(self._client, image)
            self._engine = _describe(self._client)
            reap(self._client)
        except BaseException:
            self._client.close()
            raise

    def close(self) -> None:
        """Close the connection to the engine."""
        self._client.close()

    def path(self, mount: Mount, relative: str = "") -> str:
        """Tell the path at which the program sees `mount` (or a path below it)."""
        return f"{mount.target.rstrip('/')}/{relative}" if relative else mount.target

    def host_address(self) -> str:
        """Give the address at which a program with network reaches this machine."""
        with _engine("describe its network"):
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
        name = f"lora-harness-{job.name}-{uuid.uuid4().hex[:12]}"
        try:
            ended = self._run(job, name)
        except BaseException:
            with contextlib.suppress(HarnessError):
                _remove(self._api, name)
            raise
        _remove(self._api, name)
        return ended

    def _run(self, job: Job, name: str) -> Ended:
        alarm = Alarm()
        disk = DiskWatch(
            writable_sources(job),
            limit_bytes=job.limits.disk_bytes,
            on_over=lambda: alarm.fire(Cause.DISK_CAP),
            pids=lambda: self._pids(name),
        )
        with _disk_of(job):
            self._create(job, name)
            with Capture(
                job.stdout_path,
                job.stderr_path,
                limit_bytes=job.limits.output_bytes,
                on_overflow=lambda: alarm.fire(Cause.OUTPUT_CAP),
            ) as capture:
                attachment = self._attach(job, name, capture=capture, alarm=alarm)
                try:
                    return self._watch(job, name, alarm=alarm, attachment=attachment, disk=disk)
                finally:
                    attachment.abandon()
                    disk.stop()

    def _create(self, job: Job, name: str) -> None:
        identity = identity_for(self._engine, uid=os.getuid(), gid=os.getgid())
        make_writable_sources(job.mounts)
        if os.getuid() == 0:
            hand_over(job.mounts, uid=SANDBOX_USER, gid=SANDBOX_USER)
        config = container_config(
            job,
            image_id=self.image_id or "",
            engine=self._engine,
            identity=identity,
            owner=self._owner,
            gpu=self._gpu,
        )
        with _engine("make the container"):
            create: Any = self._api.create_container_from_config  # without types
            create(config, name)

    def _attach(self, job: Job, name: str, *, capture: Capture, alarm: Alarm) -> Attachment:
        wanted = {"stream": 1, "stdin": int(bool(job.stdin)), "stdout": 1, "stderr": 1}
        with _engine("attach to the container"):
            raw: Any = self._api.attach_socket(name, params=wanted)
        # The client ties the connection to a response that closes it when collected: take a copy of our own.
        connection = raw._sock.dup()
        raw._response.close()
        return Attachment(connection, capture=capture, stdin=job.stdin, on_failure=alarm.wake)

    def _watch(self, job: Job, name: str, *, alarm: Alarm, attachment: Attachment, disk: DiskWatch) -> Ended:
        self._start(job, name)
        began = time.monotonic()
        end = EndWatch(lambda: self._wait(name), on_end=alarm.wake)
        memory = MemoryWatch(lambda: self._memory_stats(name))
        attachment.start()
        disk.start()
        end.start()
        memory.start()
        try:
            if not alarm.wait(job.limits.timeout_s):
                alarm.fire(Cause.DEADLINE)
            if end.error is not None and alarm.fired is None:
                raise end.error
            if not end.came:
                self._kill(name)
        finally:
            memory.stop()
        state = self._dead_state(name)
        duration_s = time.monotonic() - began
        if not attachment.finish(_OUTPUT_PATIENCE_S):
            raise SandboxFault(
                f"The engine did not end the output of job {job.name} within {_OUTPUT_PATIENCE_S:.0f} s of its death.",
                remedy="Restart the container engine and grade again.",
            )
        if attachment.error is not None:
            raise attachment.error
        disk.stop()
        if alarm.fired is None and disk.is_over():
            alarm.fire(Cause.DISK_CAP)
        seen = Observed(status=state["ExitCode"], fired=alarm.fired, out_of_memory=bool(state["OOMKilled"]))
        if seen.fired is None and seen.status in (126, 127):
            self._require_program(job, name)
        return how_it_ended(job, seen, duration_s=duration_s, peak_memory_bytes=memory.peak_bytes)

    def _wait(self, name: str) -> None:
        with _engine("wait for the container"):
            self._api.wait(name, timeout=None)  # without a limit: the deadline is ours

    def _memory_stats(self, name: str) -> dict[str, Any]:
        with _engine("measure the container"):
            sample: dict[str, Any] = self._api.stats(name, stream=False, one_shot=True)
        return sample.get("memory_stats") or {}

    def _start(self, job: Job, name: str) -> None:
        try:
            with _engine("start the container"):
                self._api.start(name)
        except SandboxFault as fault:
            self._require_program(job, name)
            if self._gpu is not None and "device driver" in str(fault):
                raise EnvironmentFault(
                    f"The container engine cannot give GPU {self._gpu} to a container: {fault}",
                    remedy="Install the NVIDIA Container Toolkit and restart the engine.",
                ) from fault
            raise

    def _pids(self, name: str) -> list[int]:
        """List the container's processes as the host numbers them; empty where they cannot be told.

        A fault of the engine is not told here, in the disk watch's thread: whoever waits for the container meets it.
        """
        with contextlib.suppress(HarnessError, psutil.Error):
            first = int(self._state(name).get("Pid") or 0)
            return [first, *(one.pid for one in psutil.Process(first).children(recursive=True))] if first else []
        return []

    def _kill(self, name: str) -> None:
        give_up = time.monotonic() + _KILL_PATIENCE_S
        while self._state(name)["Running"]:
            if time.monotonic() > give_up:
                raise SandboxFault(
                    f"A container still runs {_KILL_PATIENCE_S:.0f} s after it was killed.",
                    remedy=f"Restart the container engine; `docker rm -f {name}` removes the container.",
                )
            with _engine("kill the container"), contextlib.suppress(NotFound):
                try:
                    self._api.kill(name)
                except APIError as error:
                    if error.status_code != 409:  # 409: it is dead already
                        raise

    def _dead_state(self, name: str) -> dict[str, Any]:
        state = self._state(name)
        if state["Running"] or state["Status"] in ("removing", "dead"):
            raise SandboxFault(
                f"A container that ended is `{state['Status']}`: somebody else stopped or removed it.",
                remedy="Leave containers labelled `lora-harness` alone, and grade again.",
            )
        return state

    def _state(self, name: str) -> dict[str, Any]:
        with _engine("tell how the container is"):
            state: dict[str, Any] = self._api.inspect_container(name)["State"]
        return state

    def _require_program(self, job: Job, name: str) -> None:
        program = job.argv[0]
        with _engine("look for the program"):
            variables = self._api.inspect_container(name)["Config"]["Env"] or []
        search = dict(one.partition("=")[::2] for one in variables).get("PATH") or DEFAULT_PATH
        places = candidates(program, search)
        if places and not any(self._has_program(name, place) for place in places):
            raise CommandNotFound(
                f"The image has no program `{program}`, which the command of {job.name} starts.",
                remedy="Correct the command in assignment.yaml, or add the program to the image and build it again.",
            )

    def _has_program(self, name: str, path: str) -> bool:
        with _engine("look for the program"):
            answer = self._api.head(
                f"{self._api.base_url}/v{self._api.api_version}/containers/{name}/archive", params={"path": path}
            )
        return answer.ok and is_program(answer.headers.get("X-Docker-Container-Path-Stat", ""))


def _image_id(client: docker.DockerClient, image: str) -> str:
    with _engine("look for the image"):
        try:
            return str(client.images.get(image).id)
        except ImageNotFound as error:
            raise EnvironmentFault(
                f"The container engine has no image `{image}`.", remedy="Build it: `harness image build`."
            ) from error


def _describe(client: docker.DockerClient) -> Engine:
    with _engine("describe itself"):
        info, version = client.info(), client.version()
    security = " ".join(info.get("SecurityOptions") or [])
    return Engine(
        cores=float(info["NCPU"]),
        rootless="name=rootless" in security,
        remapped="name=userns" in security,
        podman=any("Podman" in part.get("Name", "") for part in version.get("Components") or []),
    )


def _remove(api: docker.APIClient, name: str) -> None:
    give_up = time.monotonic() + _REMOVE_PATIENCE_S
    with _engine("remove the container"), contextlib.suppress(NotFound):
        while True:
            try:
                api.remove_container(name, force=True, v=True)
                return
            except APIError as error:
                if error.status_code != 409 or time.monotonic() > give_up:  # 409: it is being removed already
                    raise
            time.sleep(0.05)


@contextlib.contextmanager
def _engine(doing: str) -> Iterator[None]:
    """Turn what the engine's client raises into our faults: a refusal, a full disk, or an engine that is gone."""
    try:
        yield
    except APIError as error:
        said = error.explanation or str(error)
        if "no space left on device" in str(said):
            raise EnvironmentFault(
                f"The container engine could not {doing}: its disk is full.", remedy="Free some disk and grade again."
            ) from error
        raise SandboxFault(
            f"The container engine could not {doing}: {said}", remedy="See the engine's log, and grade again."
        ) from error
    except (RequestException, DockerException) as error:
        raise EnvironmentFault(f"The container engine did not {doing}: {error}", remedy=_START_AN_ENGINE) from error


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
