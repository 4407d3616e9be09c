"""The contract of every sandbox. Must not know which engine serves it, nor what the program is for."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from harness.language import Message
from harness.sandbox.cause import Cause
from harness.sandbox.gpu.facts import GpuUse
from harness.sandbox.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A host folder or file that the program sees at `target` (absolute), read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use. `output_bytes` bounds stdout and stderr together, `disk_bytes` its writable mounts."""

    timeout_s: float
    memory_bytes: int
    disk_bytes: int
    output_bytes: int
    cpus: float
    pids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program to run.

    Attributes:
        name: Short word for labels and logs, such as ``run``.
        argv: The command; paths in it come from `Sandbox.path`.
        workdir: The mount that is the working directory.
        hosts: Hosts that it may reach by HTTP and HTTPS (`model.hosts.parse_host`); without any it has no network.
        stdin: Bytes given on standard input, then end of file.
        talks: Standard input stays open; see `Sandbox.serve`.
        log_dir: Host folder that gets ``NAME.stdout.log`` and ``NAME.stderr.log``.
    """

    name: str
    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    workdir: Mount
    limits: Limits
    log_dir: Path
    hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stdin: bytes = b""
    talks: bool = False

    @property
    def stdout_path(self) -> Path:
        """Where standard output is kept."""
        return self.log_dir / f"{self.name}.stdout.log"

    @property
    def stderr_path(self) -> Path:
        """Where standard error is kept."""
        return self.log_dir / f"{self.name}.stderr.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingHost:
    """A host that failed some plain HTTP request to its last: `place` is ``host:port``, `how` says it in words."""

    place: str
    how: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended and what it used; what could not be measured is None.

    `refused_hosts` are the first few ``host:port`` that it asked for and may not reach, as the program wrote them;
    `unreached_hosts` those that it may reach and that this machine could not, not once; `failing_hosts` those that it
    reached by plain HTTP and that failed; `reached_hosts` those that it reached at all, and `tunnelled_hosts` those by
    HTTPS, whose answers cannot be seen; None where nobody looked. `killed_for_memory` tells that the kernel killed a
    process of it for want of memory, whatever became of the program itself.
    """

    cause: Cause
    exit_code: int | None
    signal: int | None
    duration_s: float
    peak_memory_bytes: int | None
    refused_hosts: tuple[str, ...] = ()
    unreached_hosts: tuple[str, ...] = ()
    failing_hosts: tuple[FailingHost, ...] = ()
    reached_hosts: tuple[str, ...] | None = None
    tunnelled_hosts: tuple[str, ...] | None = None
    killed_for_memory: bool = False
    gpu: GpuUse | None = None


class Sandbox(Protocol):
    """Runs jobs one at a time per call; calls may come from several threads.

    `name` is the word in records, `isolates` tells whether the program is kept from the rest of the machine,
    `image_id` the engine's id of the image or None.
    """

    name: str
    isolates: bool
    image_id: str | None

    def path(self, mount: Mount, relative: str = "") -> str:
        """Tell the path at which the program sees `mount` (or a path below it)."""
        ...

    def close(self) -> None:
        """Give back what it holds open; it cannot be used afterwards."""
        ...

    def host_address(self) -> str:
        """Give the address at which a program reaches this machine if its job lists that address as a host."""
        ...

    def run(self, job: Job) -> Ended:
        """Run the job to its end, whatever that is, and leave nothing of it behind.

        Raises:
            EnvironmentFault: The engine is gone, the disk is full.
            SandboxFault: The program could not be started or stopped for a reason of ours.
        """
        ...

    def serve(self, job: Job) -> AbstractContextManager[Session]:
        """Start a program that is talked to line by line; at the end of the block nothing of it is left.

        Its `limits.timeout_s` is the longest silence while a line is awaited. Of what it prints, standard error is
        kept; the time it runs, what it writes and what it needs are not watched, so it must be code of ours.

        Raises:
            EnvironmentFault: The engine is gone, the disk is full.
            SandboxFault: The program could not be started or stopped.
        """
        ...

    def cancel(self) -> None:
        """End all jobs, from any thread: `run` raises `Cancelled`, the lines of a session end, later calls raise."""
        ...
