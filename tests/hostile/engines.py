"""The engines that the suite runs on. Podman is reached through a socket of our own, and given the image of Docker."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from harness.sandbox.image.lock import read_lock

from ..podman import copy_image, environment, podman_service
from .case import DOCKER, PODMAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An engine that answers: its name, the word for ``--sandbox``, its client (None without one), and its image."""

    name: str
    sandbox: str
    client: docker.DockerClient | None
    image_id: str


@contextmanager
def place_of(name: str, image_lock: Path) -> Iterator[Place | None]:
    """Make the engine ready for the time of the block; None where it is not there."""
    if name == DOCKER:
        with _connected(os.environ.get("DOCKER_HOST")) as client:
            yield client and Place(name=name, sandbox="docker", client=client, image_id=read_lock(image_lock).image_id)
    elif name == PODMAN:
        if not shutil.which("podman"):
            yield None
            return
        with podman_service() as url, _connected(url) as client:
            image_id = read_lock(image_lock).image_id
            if client:
                copy_image(image_id)
            yield client and Place(name=name, sandbox="docker", client=client, image_id=image_id)
    else:
        yield Place(name=name, sandbox="process", client=None, image_id="")


@contextmanager
def _connected(url: str | None) -> Iterator[docker.DockerClient | None]:
    try:
        client = docker.DockerClient(base_url=url)
        client.ping()
    except DockerException:
        yield None
        return
    with environment(DOCKER_HOST=url):
        yield client
    client.close()
