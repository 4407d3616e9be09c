"""One container, from its making to its removal. Must not know what runs in it, nor decide why it ended."""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import docker
from docker.errors import APIError, NotFound

from harness.errors import HarnessError, SandboxFault
from harness.sandbox.engine import engine_faults, remove
from harness.sandbox.lookup import DEFAULT_PATH, candidates, is_program

_KILL_PATIENCE_S = 30.0


class Container:
    """A handle on the container of that name; `make` makes it.

    Every method raises EnvironmentFault where the engine is gone and SandboxFault where it refuses.
    """

    def __init__(self, api: docker.APIClient, name: str) -> None:
        self._api = api
        self.name = name

    def make(self, config: dict[str, Any]) -> None:
        """Make it, without starting it, out of a body for the Engine API's "Create a container"."""
        with engine_faults("make the container"):
            create: Any = self._api.create_container_from_config  # without types
            create(config, self.name)

    def attach(self, *, stdin: bool) -> socket.socket:
        """Give a connection that carries its streams; to be asked for before the start, so that nothing is missed."""
        wanted = {"stream": 1, "stdin": int(stdin), "stdout": 1, "stderr": 1}
        with engine_faults("attach to the container"):
            raw: Any = self._api.attach_socket(self.name, params=wanted)
        # The client ties the connection to a response that closes it when collected: take a copy of our own.
        connection: socket.socket = raw._sock.dup()
        raw._response.close()
        return connection

    def start(self) -> None:
        """Start it."""
        with engine_faults("start the container"):
            self._api.start(self.name)

    def wait(self) -> None:
        """Wait for its end, however long that takes."""
        with engine_faults("wait for the container"):
            self._api.wait(self.name, timeout=None)

    def memory_stats(self) -> dict[str, Any]:
        """Give the engine's `memory_stats`; an engine takes about a second for it."""
        with engine_faults("measure the container"):
            sample: dict[str, Any] = self._api.stats(self.name, stream=False, one_shot=True)
        return sample.get("memory_stats") or {}

    def state(self) -> dict[str, Any]:
        """Give the engine's `State` of it."""
        with engine_faults("tell how the container is"):
            state: dict[str, Any] = self._api.inspect_container(self.name)["State"]
        return state

    def pid(self) -> int | None:
        """Give the pid of its first process as the host numbers it, or None where that cannot be told."""
        with contextlib.suppress(HarnessError):
            return int(self.state().get("Pid") or 0) or None
        return None

    def kill(self) -> None:
        """Kill it until the engine says that it does not run.

        Raises:
            SandboxFault: It still runs 30 s later.
        """
        give_up = time.monotonic() + _KILL_PATIENCE_S
        while self.state()["Running"]:
            if time.monotonic() > give_up:
                raise SandboxFault(
                    f"A container still runs {_KILL_PATIENCE_S:.0f} s after it was killed.",
                    remedy=f"Restart the container engine; `docker rm -f {self.name}` removes the container.",
                )
            with engine_faults("kill the container"), contextlib.suppress(NotFound):
                try:
                    self._api.kill(self.name)
                except APIError as error:
                    if error.status_code != 409:  # 409: it is dead already
                        raise

    def dead_state(self) -> dict[str, Any]:
        """Give the state of a container that has ended.

        Raises:
            SandboxFault: It has not: somebody else meddles with it.
        """
        state = self.state()
        if state["Running"] or state["Status"] in ("removing", "dead"):
            raise SandboxFault(
                f"A container that ended is `{state['Status']}`: somebody else stopped or removed it.",
                remedy="Leave containers labelled `lora-harness` alone, and grade again.",
            )
        return state

    def lacks(self, program: str) -> bool:
        """Tell whether its image has no such program, on PATH or at that place; a relative one is not looked for."""
        with engine_faults("look for the program"):
            variables = self._api.inspect_container(self.name)["Config"]["Env"] or []
        search = dict(one.partition("=")[::2] for one in variables).get("PATH") or DEFAULT_PATH
        places = candidates(program, search)
        return bool(places) and not any(self._has(place) for place in places)

    def remove(self) -> None:
        """Remove it, running or not."""
        remove(self._api, self.name)

    def _has(self, path: str) -> bool:
        with engine_faults("look for the program"):
            answer = self._api.head(
                f"{self._api.base_url}/v{self._api.api_version}/containers/{self.name}/archive", params={"path": path}
            )
        return answer.ok and is_program(answer.headers.get("X-Docker-Container-Path-Stat", ""))


@contextlib.contextmanager
def removed(container: Container) -> Iterator[None]:
    """Remove the container whatever happens; a failure to do so does not hide what happened before."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(HarnessError):
            container.remove()
        raise
    container.remove()
