"""A proxy container for the time of one job: start, readiness, end, log. Must not know what it lets through.

A program in the job reaches nothing of the proxy but its socket, which it can fill. We ask at another one, in a folder
that the job does not mount: what fails there is our fault.
"""

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import SandboxFault
from harness.sandbox.attach import Attachment
from harness.sandbox.capture import Capture
from harness.sandbox.container import Container, removed
from harness.sandbox.interface import Ended, Job
from harness.sandbox.private_folder import private_folder
from harness.sandbox.proxy.config import NOT_READY, OWN_DOMAIN, SOCKET, proxy_job
from harness.sandbox.proxy.log import (
    failing_hosts,
    reached_hosts,
    refused_hosts,
    tunnelled_hosts,
    unreached_hosts,
    was_ready,
)

_START_PATIENCE_S = 20.0
_END_PATIENCE_S = 10.0
_ANSWER_PATIENCE_S = 5.0
_TAIL_BYTES = 600
MAX_LOG_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folders:
    """Host folders of the two sockets."""

    job: Path
    own: Path


class Proxy:
    """A running proxy; made by `running_proxy`.

    Attributes:
        folder: Host folder of the job's socket.
    """

    def __init__(
        self, job: Job, folders: _Folders, *, container: Container, capture: Capture, attachment: Attachment
    ) -> None:
        self.folder = folders.job
        self._own = folders.own
        self._job = job
        self._container = container
        self._capture = capture
        self._attachment = attachment

    def finish(self, ended: Ended) -> Ended:
        """End it, and give how the job ended with what the proxy saw of hosts (`proxy.log`).

        Args:
            ended: How the job ended that it served.

        Raises:
            SandboxFault: It did not live as long as the job, or the job's program never got a way to it.
            EnvironmentFault: The engine is gone.
        """
        last = f"{uuid.uuid4().hex}{OWN_DOMAIN}"
        # Squid answers in turn: when this request stands in the log, all before it do.
        complete = self._answers(last, _END_PATIENCE_S) and self._logged(last)
        self._end()
        if not complete:
            raise self._fault("ended before its job did")
        log = log_path(self._job).read_text(errors="replace").splitlines()
        if ended.exit_code == NOT_READY and not was_ready(log):
            raise self._fault("was not reached by its job")
        return replace(
            ended,
            refused_hosts=refused_hosts(log),
            unreached_hosts=unreached_hosts(log),
            failing_hosts=failing_hosts(log),
            reached_hosts=reached_hosts(log),
            tunnelled_hosts=tunnelled_hosts(log),
        )

    def _logged(self, host: str) -> bool:
        """Wait for a line of the log, or for the log to be full."""
        give_up = time.monotonic() + _END_PATIENCE_S
        while time.monotonic() < give_up:
            log = log_path(self._job).read_bytes()
            if host.encode() in log or self._capture.overflowed:
                return True
            time.sleep(0.01)
        return False

    def _end(self) -> None:
        self._container.kill()
        self._attachment.finish(_END_PATIENCE_S)
        if self._attachment.error is not None:
            raise self._attachment.error

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            SandboxFault: It ended, or does not answer within 20 s.
        """
        if not self._answers(f"start{OWN_DOMAIN}", _START_PATIENCE_S):
            self._end()
            raise self._fault("did not start")

    def _answers(self, host: str, patience_s: float) -> bool:
        """Tell whether it answers a request for `host`, which it refuses, while it runs and within some seconds."""
        give_up = time.monotonic() + patience_s
        while not _asked(self._own, host):
            if time.monotonic() > give_up or not self._container.state()["Running"]:
                return False
            time.sleep(0.01)
        return True

    def _fault(self, what: str) -> SandboxFault:
        said = _errors_path(self._job).read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return SandboxFault(
            f"The proxy of job {self._job.name} {what}. It said: {said or 'nothing'}",
            remedy="See that the image is that of this Dockerfile (`harness image build`), and grade again.",
        )


def log_path(job: Job) -> Path:
    """Tell where the access log of the job's proxy is kept."""
    return job.log_dir / f"{job.name}.proxy.log"


def _errors_path(job: Job) -> Path:
    return job.log_dir / f"{job.name}.proxy.errors.log"


@contextlib.contextmanager
def running_proxy(job: Job, container: Container, *, make: Callable[[Job, Container], None]) -> Iterator[Proxy]:
    """Run the proxy of `job` for the time of the block, and remove it whatever happens.

    Args:
        job: The job that it is for.
        container: A container that is not made yet.
        make: Makes a container for a job, with network.

    Raises:
        SandboxFault: It does not start.
        EnvironmentFault: The engine is gone.
    """
    with (
        _socket_folders() as folders,
        removed(container),
        Capture(log_path(job), _errors_path(job), limit_bytes=MAX_LOG_BYTES, on_overflow=lambda: None) as capture,
    ):
        make(proxy_job(job, folders.job, own=folders.own), container)
        attachment = Attachment(container.attach(stdin=False), sink=capture, stdin=b"", on_failure=lambda: None)
        try:
            container.start()
            attachment.start()
            proxy = Proxy(job, folders, container=container, capture=capture, attachment=attachment)
            proxy.wait()
            yield proxy
        finally:
            attachment.abandon()


@contextlib.contextmanager
def _socket_folders() -> Iterator[_Folders]:
    """Make folders to be given to the container's user, in one that stays ours and lets that user pass."""
    with private_folder() as outer:
        outer.chmod(0o711)
        folders = _Folders(job=outer / "proxy", own=outer / "own")
        folders.job.mkdir()
        folders.own.mkdir()
        yield folders


def _asked(folder: Path, host: str) -> bool:
    """Ask for `host` at the proxy's socket and tell whether any answer came.

    By way of a descriptor: the path of a socket may be no longer than 107 bytes.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_PATIENCE_S)
            connection.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
            connection.sendall(f"GET http://{host}/ HTTP/1.0\r\n\r\n".encode())
            return connection.recv(5) == b"HTTP/"
    finally:
        os.close(descriptor)
    return False
