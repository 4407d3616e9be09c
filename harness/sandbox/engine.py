"""The connection to a container engine: what it is and holds, what its client's errors mean. Must not know of jobs.

The engine is Docker Engine, or Podman behind its compatible socket.
"""

import contextlib
import re
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException

from harness.errors import EnvironmentFault, SandboxFault
from harness.sandbox.container_config import Engine
from harness.sandbox.engine_facts import EngineFacts, facts_of
from harness.sandbox.gpu.grant import GpuEngine
from harness.sandbox.gpu.host import is_podman, read_engine
from harness.sandbox.owner import HOST_LABEL, OWNER_LABEL, is_alive, this_host

_REMOVE_PATIENCE_S = 30.0
_REMOVE_PAUSE_S = 0.05
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
        place = kwargs_from_env().get("base_url", DEFAULT_UNIX_SOCKET)
        raise EnvironmentFault(
            f"No container engine answers at {place}: {_reason(error)}", remedy=_START_AN_ENGINE
        ) from error


def _reason(error: BaseException) -> str:
    """Give the system's own words, which the client wraps many times, or else the client's."""
    inner: BaseException | None = error
    while inner is not None:
        for one in (inner, *inner.args):
            if isinstance(one, OSError) and one.strerror:
                return one.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return str(error)


def describe(client: docker.DockerClient) -> str:
    """Tell which engine it is, such as ``Docker Engine 20.10.24, overlay2, cgroup v1``."""
    found = read_facts(client)
    return f"{found.product} {found.version}, {found.storage}, cgroup v{found.cgroup}"


def read_facts(client: docker.DockerClient) -> EngineFacts:
    """Ask what it is."""
    with engine_faults("describe itself"):
        return facts_of(client.info(), client.version())


def facts(client: docker.DockerClient) -> Engine:
    """Ask what changes how containers are described."""
    with engine_faults("describe itself"):
        info, version = client.info(), client.version()
    security = " ".join(info.get("SecurityOptions") or [])
    podman = is_podman(version)
    return Engine(
        cores=float(info["NCPU"]),
        rootless="rootless" in security,
        remap_base=remap_base(info["DockerRootDir"]) if "name=userns" in security else None,
        podman=podman,
        nproc=_most_processes() if podman else None,
    )


def _most_processes() -> int:
    """Give the most processes that a user of this machine may have: more pids than this there are not."""
    own = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = Path("/proc/sys/kernel/pid_max")
    limits = [one for one in (own, int(most.read_text()) if most.exists() else own) if one != resource.RLIM_INFINITY]
    return min(limits, default=resource.RLIM_INFINITY)


def gpu_ways(client: docker.DockerClient) -> GpuEngine:
    """Ask how it can give GPUs to containers."""
    with engine_faults("describe itself"):
        return read_engine(client.info(), client.version())


def remap_base(root_folder: str) -> int:
    """Read the first host uid of ``userns-remap`` off the engine's data folder, which ends in ``/UID.GID``.

    Raises:
        SandboxFault: It does not.
    """
    found = re.search(r"/(\d+)\.\d+$", root_folder)
    if found is None:
        raise SandboxFault(
            f"The engine maps users (userns-remap), but its data folder {root_folder} does not tell to which.",
            remedy="Run the engine without userns-remap, or as a rootless engine.",
        )
    return int(found[1])


def image_id(client: docker.DockerClient, image: str) -> str:
    """Give the id of an image.

    Raises:
        EnvironmentFault: The engine does not have it.
    """
    with engine_faults("look for the image"):
        try:
            return str(client.images.get(image).id)
        except ImageNotFound as error:
            raise EnvironmentFault(
                f"The container engine has no image `{image}`.", remedy="Build it: `harness image build`."
            ) from error


def reap(client: docker.DockerClient) -> int:
    """Remove the containers that a dead harness of this machine left behind; give their number.

    Raises:
        EnvironmentFault: The engine is gone.
        SandboxFault: The engine refuses.
    """
    ours = [OWNER_LABEL, f"{HOST_LABEL}={this_host()}"]
    with engine_faults("list containers"):
        found = client.api.containers(all=True, filters={"label": ours})
    orphans = [one["Id"] for one in found if not is_alive(one["Labels"][OWNER_LABEL])]
    for one in orphans:
        remove(client.api, one)
    return len(orphans)


def remove(api: docker.APIClient, name: str) -> None:
    """Remove a container and its anonymous volumes, running or not; one that is gone is fine.

    Raises:
        EnvironmentFault: The engine is gone.
        SandboxFault: The engine refuses for 30 s.
    """
    give_up = time.monotonic() + _REMOVE_PATIENCE_S
    with engine_faults("remove the container"), contextlib.suppress(NotFound):
        while True:
            try:
                api.remove_container(name, force=True, v=True)
                return
            except APIError as error:
                if error.status_code != 409 or time.monotonic() > give_up:  # 409: it is being removed already
                    raise
            time.sleep(_REMOVE_PAUSE_S)


@contextlib.contextmanager
def engine_faults(doing: str) -> Iterator[None]:
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
    except (RequestException, DockerException, OSError) as error:
        raise EnvironmentFault(f"The container engine did not {doing}: {error}", remedy=_START_AN_ENGINE) from error


class EngineLife:
    """Tells whether the engine is the same process as when this was made.

    An engine that is stopped or restarted ends its containers by a signal, and the end looks like the program's own.
    But its connections end with it: here, a stream of events that is kept open for that alone.
    """

    def __init__(self, client: docker.DockerClient) -> None:
        with engine_faults("tell of events"):
            self._events: Any = client.api.events(filters={"event": "none-of-them"})
        self._over = threading.Event()
        threading.Thread(target=self._read, name="engine-life", daemon=True).start()

    def close(self) -> None:
        """Close the stream."""
        self._events.close()

    def goes_on(self) -> bool:
        """Ask the engine over a new connection, and see whether the old one lives.

        A socket that systemd keeps for a restarting engine lets us wait for the new one; then the old stream is over.
        """
        try:
            with contextlib.closing(connect()) as fresh:
                fresh.ping()
        except (EnvironmentFault, RequestException, DockerException):
            return False
        return not self._over.is_set()

    def _read(self) -> None:
        with contextlib.suppress(RequestException, DockerException, OSError, ValueError, AttributeError):
            for _ in self._events:
                pass
        self._over.set()
