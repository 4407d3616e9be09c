"""What the engine is told when a container is made: one pure function. Must not talk to an engine.

The words are those of the Engine API (1.41), "Create a container", which Podman's compatible socket takes as well.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.sandbox.gpu.grant import Grant
from harness.sandbox.interface import Job, Limits
from harness.sandbox.owner import HOST_LABEL, JOB_LABEL, OWNER_LABEL

SANDBOX_USER = 65532
_MIB = 1 << 20
_MAX_TMP_BYTES = 2048 * _MIB
_MAX_SHM_BYTES = 256 * _MIB
_MAX_OPEN_FILES = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a container runs as.

    Attributes:
        user: ``uid:gid`` inside.
        userns: User namespace mode; empty is the engine's default.
        owner: uid and gid, as the host numbers them, that writable mounts must be given to; None where they are fine.
    """

    user: str
    userns: str = ""
    owner: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that makes containers (`owner.this_owner`) and where its pid means something (`owner.this_host`)."""

    owner: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What of an engine changes how a container is described: cores it may give, and how it maps users.

    `rootless` runs in a user namespace of a plain user. `remap_base` is what is added to every user inside a container
    to give the user outside (``userns-remap``), or None. `nproc` must be told to Podman: it takes four million
    processes for each user if not told, more than an engine without CAP_SYS_RESOURCE may give.
    `seccomp` is the profile to use instead of the engine's own, as a file on the engine's machine.
    """

    cores: float
    rootless: bool
    remap_base: int | None
    podman: bool
    nproc: int | None = None
    seccomp: Path | None = None


def identity_for(engine: Engine, *, uid: int, gid: int) -> Identity:
    """Decide whom containers run as, so that it is never root outside and can write what it is given to write.

    Root hands writable mounts over; any other user cannot, and so the program must be that user, outside as inside. In
    a rootless engine, 0 is the engine's own plain user and every other number one that owns nothing; Podman can keep
    the numbers the same instead.

    Args:
        engine: What the engine says of itself.
        uid: User of the harness. Root gives way to `SANDBOX_USER`; any other user is kept.
        gid: Group of the harness.
    """
    if uid == 0:
        shift = 0 if engine.rootless else engine.remap_base or 0
        return Identity(user=f"{SANDBOX_USER}:{SANDBOX_USER}", owner=shift + SANDBOX_USER)
    if engine.rootless:
        return Identity(user=f"{uid}:{gid}", userns="keep-id") if engine.podman else Identity(user="0:0")
    return Identity(user=f"{uid}:{gid}", userns="" if engine.remap_base is None else "host")


def container_config(
    job: Job,
    *,
    image_id: str,
    engine: Engine,
    identity: Identity,
    owner: Owner,
    gpu: Grant,
    connected: bool = False,
) -> dict[str, Any]:
    """Describe the container of `job`: everything is off that the job did not ask for.

    Network too: the hosts of a job are its proxy's affair, the only container that is `connected`.
    """
    stdin = bool(job.stdin) or job.talks
    return {
        "Image": image_id,
        "Cmd": list(job.argv),
        "Entrypoint": [],
        "User": identity.user,
        "WorkingDir": job.workdir.target,
        "Env": [f"{name}={value}" for name, value in _environment(job, gpu).items()],
        "Hostname": "sandbox",
        "Labels": {OWNER_LABEL: owner.owner, HOST_LABEL: owner.host, JOB_LABEL: job.name},
        "Tty": False,
        "AttachStdin": stdin,
        "OpenStdin": stdin,
        "StdinOnce": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            **_confinement(engine, identity),
            **_bounds(job.limits, engine),
            "NetworkMode": "default" if connected else "none",
            "Mounts": [
                *(_mount(one.source.resolve().as_posix(), one.target, one.writable) for one in job.mounts),
                *gpu.mounts,
            ],
            "DeviceRequests": list(gpu.device_requests),
            "Devices": list(gpu.devices),
        },
    }


def _environment(job: Job, gpu: Grant) -> Mapping[str, str]:
    """Give what the image cannot know; a job may override all of it.

    Threads are told because a program sees all cores of the machine, not its share of them.
    """
    threads = str(max(1, math.floor(job.limits.cpus)))
    known = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "OMP_NUM_THREADS": threads}
    return {**known, **gpu.environment, **job.environment}


def _confinement(engine: Engine, identity: Identity) -> dict[str, Any]:
    return {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", *([f"seccomp={engine.seccomp}"] if engine.seccomp else [])],
        "UsernsMode": identity.userns,
        "IpcMode": "private",
        "Init": True,
        "LogConfig": {"Type": "none", "Config": {}},
    }


def _bounds(limits: Limits, engine: Engine) -> dict[str, Any]:
    tmp_bytes = min(_MAX_TMP_BYTES, max(16 * _MIB, limits.memory_bytes // 2))
    ulimits = {"core": 0, "fsize": limits.disk_bytes + _MIB, "nofile": _MAX_OPEN_FILES}
    if engine.nproc is not None:
        ulimits["nproc"] = engine.nproc
    return {
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "NanoCpus": int(min(limits.cpus, engine.cores) * 1e9),  # an engine refuses more cores than it has
        "PidsLimit": limits.pids,
        "ShmSize": min(_MAX_SHM_BYTES, max(16 * _MIB, limits.memory_bytes // 4)),
        "Tmpfs": {
            "/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={tmp_bytes}",
            # Podman makes these two writable under a read-only root.
            "/run": "ro,noexec,nosuid,nodev,size=64k",
            "/var/tmp": "ro,noexec,nosuid,nodev,size=64k",
        },
        "Ulimits": [{"Name": name, "Soft": most, "Hard": most} for name, most in ulimits.items()],
    }


def _mount(source: str, target: str, writable: bool) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": not writable}
