"""Looks at this machine before and after a case: files, processes, mounts, networks, what the engine holds, memory.

Others may work on the same machine meanwhile, so only what can come of this process's cases counts.
"""

import contextlib
import hashlib
import os
import resource
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import docker
import psutil

from .parts import ESCAPED, mark

_PLACES = ("/", "/tmp", "/var/tmp", "/dev/shm", "/etc", "/etc/cron.d", "/root", "/home", "/usr/local/bin", "/run")
_SETTINGS = ("core_pattern", "hostname", "modprobe", "hotplug", "randomize_va_space", "sysrq", "domainname")
_ENGINES_OWN = frozenset({"overlay", "overlay2", "overlay-containers", "netns", "containers", "docker"})
_INTERFACES_OF_CONTAINERS = ("veth", "br-", "docker", "podman", "cni")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a case must leave as it was. Every field is a set, so that a difference can be named."""

    files: frozenset[str]
    escaped: frozenset[str]
    settings: frozenset[str]
    processes: frozenset[str]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    containers: frozenset[str]
    volumes: frozenset[str]
    networks: frozenset[str]
    images: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What this process uses; it may grow a little."""

    peak_bytes: int
    resident_bytes: int
    descriptors: int
    threads: int


def look(own: Path, watched: Iterable[Path], client: docker.DockerClient | None, *, image_id: str) -> Host:
    """Look at the machine.

    Args:
        own: The folder of this run of the suite.
        watched: Folders and files that must not change: neighbours of the run folder, base model, references.
        client: The engine, or None for the process sandbox.
        image_id: The image that grading uses.
    """
    return Host(
        files=frozenset(line for path in watched for line in _described(path)),
        escaped=frozenset(str(path) for place in _PLACES if (path := Path(place, ESCAPED)).exists()),
        settings=frozenset(_settings()),
        processes=frozenset(_processes()),
        mounts=frozenset(_mounts(own)),
        interfaces=frozenset(
            name for _, name in socket.if_nameindex() if not name.startswith(_INTERFACES_OF_CONTAINERS)
        ),
        containers=frozenset(_containers(client)),
        volumes=frozenset(_labelled(client, "volumes")),
        networks=frozenset(_labelled(client, "networks")),
        images=frozenset(_images(client, image_id)),
    )


def differences(before: Host, after: Host) -> list[str]:
    """Name what came and what went."""
    found = []
    for field in fields(Host):
        old, new = getattr(before, field.name), getattr(after, field.name)
        found += [f"{field.name}: new {one}" for one in sorted(new - old)]
        found += [f"{field.name}: gone {one}" for one in sorted(old - new)]
    return found


def own_use() -> Own:
    """Measure this process."""
    process = psutil.Process()
    return Own(
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        resident_bytes=process.memory_info().rss,
        descriptors=process.num_fds(),
        threads=process.num_threads(),
    )


def _described(root: Path) -> Iterator[str]:
    """Give a line for everything at and below `root`: path, kind and mode, size, owner, digest, but no times."""
    for path in sorted([root, *(root.rglob("*") if root.is_dir() else ())]):
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = f"-> {path.readlink()}"
        elif path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        yield f"{path} {status.st_mode:o} {status.st_uid} {content}"


def _settings() -> Iterator[str]:
    for name in _SETTINGS:
        with contextlib.suppress(OSError):
            yield f"{name}={Path('/proc/sys/kernel', name).read_text().strip()}"
    for path in ("/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/ld.so.preload", "/etc/crontab"):
        with contextlib.suppress(OSError):
            yield f"{path}={hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]}"


def _processes() -> Iterator[str]:
    """Name our descendants, and processes anywhere that carry our mark in their environment."""
    own = psutil.Process()
    for one in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if one.status() != psutil.STATUS_ZOMBIE:
                yield f"{one.pid} {one.name()}"
    wanted = mark().encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in environ.read_bytes():
                yield f"{environ.parent.name} marked"


def _mounts(own: Path) -> Iterator[str]:
    """Name the places where something is mounted; temporary folders of others are their own affair."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        target = line.split()[4]
        of_others = Path(target).is_relative_to("/tmp") and not Path(target).is_relative_to(own)
        if _ENGINES_OWN.isdisjoint(Path(target).parts) and not of_others:
            yield target


def _containers(client: docker.DockerClient | None) -> Iterator[str]:
    """Name the containers that this process owns."""
    if client is None:
        return
    for one in client.api.containers(all=True):
        labels = one.get("Labels") or {}
        if any(value.startswith(f"{os.getpid()}:") for value in labels.values()):
            yield f"{one['Id'][:12]} {one['State']}"


def _labelled(client: docker.DockerClient | None, kind: str) -> Iterator[str]:
    """Name the volumes or networks that this process owns."""
    if client is None:
        return
    for one in getattr(client, kind).list():
        labels = one.attrs.get("Labels") or {}
        if any(value.startswith(f"{os.getpid()}:") for value in labels.values()):
            yield str(one.id)


def _images(client: docker.DockerClient | None, image_id: str) -> Iterator[str]:
    if client is not None:
        found = client.images.get(image_id)
        yield f"{found.id} {' '.join(found.tags)}"
