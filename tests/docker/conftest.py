"""The engine and an image of it, or a skip that says why; with HARNESS_REQUIRE_ENGINE=1 a failure instead."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import docker
import pytest
from docker.errors import ImageNotFound

from harness.errors import EnvironmentFault
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import connect
from harness.sandbox.image.lock import read_lock
from harness.sandbox.interface import Job, Limits, Mount

from ..podman import copy_image, environment, podman_service

LIMITS = {
    "timeout_s": 30.0,
    "memory_bytes": 256 << 20,
    "disk_bytes": 64 << 20,
    "output_bytes": 100_000,
    "cpus": 1.0,
    "pids": 64,
}


def _miss(why: str) -> NoReturn:
    if os.environ.get("HARNESS_REQUIRE_ENGINE") == "1":
        pytest.fail(f"HARNESS_REQUIRE_ENGINE=1, but {why}")
    pytest.skip(why)


@pytest.fixture(scope="session", autouse=True)
def _podman(root: Path) -> Iterator[None]:
    """With HARNESS_TEST_ENGINE=podman (`make podman`), the engine is Podman, with Docker's image in it."""
    if os.environ.get("HARNESS_TEST_ENGINE") != "podman":
        yield
        return
    with podman_service() as url:
        copy_image(read_lock(root / "image.lock").image_id)
        with environment(DOCKER_HOST=url):
            yield


@pytest.fixture(scope="session")
def client(_podman: None) -> Iterator[docker.DockerClient]:
    """A connection to the engine."""
    try:
        client = connect()
    except EnvironmentFault as fault:
        _miss(f"no container engine answers: {fault}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def sandbox_image(client: docker.DockerClient) -> str:
    """The name of an image with bash and coreutils, and Python unless HARNESS_TEST_IMAGE names a smaller one."""
    image = os.environ.get("HARNESS_TEST_IMAGE", "lora-harness:cpu")
    try:
        client.images.get(image)
    except ImageNotFound:
        _miss(f"the engine has no image {image} (make it: `harness image build`)")
    return image


@pytest.fixture
def sandbox(sandbox_image: str) -> Iterator[DockerSandbox]:
    """A sandbox with a connection of its own."""
    sandbox = DockerSandbox(sandbox_image)
    yield sandbox
    sandbox.close()


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Give a function (script, argv=, stdin=, hosts=, environment=, and any limit) -> job with /work and /given."""
    given, work = tmp_path / "given", Mount(source=tmp_path / "work", target="/work", writable=True)
    given.mkdir()
    (given / "file").write_text("given\n")
    given.chmod(0o755)

    def make(script: str = "", *, argv: tuple[str, ...] = (), **changes: Any) -> Job:
        own = {name: changes.pop(name) for name in ("stdin", "hosts", "environment", "name") if name in changes}
        return Job(
            **{"name": "job", **own},
            argv=argv or ("bash", "-c", script),
            mounts=(work, Mount(source=given, target="/given")),
            workdir=work,
            limits=Limits(**{**LIMITS, **changes}),
            log_dir=tmp_path / "logs",
        )

    yield make
    shutil.rmtree(tmp_path / "work", ignore_errors=True)
