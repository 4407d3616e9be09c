"""Names this machine and the process that owns a container, and tells if it still lives. Must not know an engine."""

import os
import socket
from pathlib import Path

import psutil

from harness.errors import EnvironmentFault

OWNER_LABEL = "lora-harness.owner"
HOST_LABEL = "lora-harness.host"
JOB_LABEL = "lora-harness.job"


def this_owner() -> str:
    """Give ``PID:START`` of this process."""
    pid = os.getpid()
    return f"{pid}:{_start_of(pid)}"


def this_host() -> str:
    """Name the machine and the pid namespace: a pid means nothing outside of it.

    Several machines, or harnesses inside containers, may share one engine; none may reap what it cannot judge.
    """
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}:{inode}"


def own_address() -> str:
    """Give the address by which this machine goes out; nothing is sent.

    Raises:
        EnvironmentFault: It has no way out.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # an address for documents (RFC 5737): any that needs the way out will do
            return str(probe.getsockname()[0])
    except OSError as error:
        raise EnvironmentFault(
            f"This machine has no address by which containers could reach it: {error.strerror}.",
            remedy="Give it a network and a default route.",
        ) from error


def is_alive(owner: str) -> bool:
    """Tell whether the process that `this_owner` named still runs; a later process with its pid is another one.

    What is no owner's name at all counts as alive: it is not ours to judge.
    """
    pid, _, start = owner.partition(":")
    if not (pid.isdecimal() and start):
        return True
    return _start_of(int(pid)) == start


def _start_of(pid: int) -> str | None:
    """Give the start time of a process as text, or None if there is none.

    On Linux in clock ticks since boot: seconds since 1970 would change when the clock is set.
    """
    try:
        if Path("/proc/self/stat").exists():
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if state in "ZX" else fields[18]
        return str(psutil.Process(pid).create_time())
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return None
