"""Podman for the tests: its service on a socket of our own, with the image of Docker in it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker

_START_S = 20.0
# Where systemd does not run, Podman must manage control groups by itself.
_CONFIG = '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'


@contextmanager
def podman_service() -> Iterator[str]:
    """Run Podman's service on a socket of our own and give its URL."""
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        config = Path(folder, "containers.conf")
        # crun refuses machines that have control groups of both versions mounted.
        old = not Path("/sys/fs/cgroup/cgroup.controllers").exists()
        config.write_text(_CONFIG + ('runtime = "runc"\n' if old and shutil.which("runc") else ""))
        socket = Path(folder, "podman.sock")
        url = f"unix://{socket}"
        with (
            environment(CONTAINERS_CONF=None if Path("/run/systemd/system").exists() else str(config)),
            Path(folder, "log").open("wb") as log,
        ):
            # Its monitors leave a file `oom` in the working directory.
            command = ["podman", "system", "service", "--time=0", url]
            service = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
            try:
                give_up = time.monotonic() + _START_S
                while not socket.exists() and service.poll() is None and time.monotonic() < give_up:
                    time.sleep(0.1)
                yield url
            finally:
                service.terminate()
                service.wait()


def copy_image(image_id: str) -> None:
    """Give Podman the image of the lock, out of Docker, if it has none such."""
    if subprocess.run(["podman", "image", "exists", image_id], check=False).returncode == 0:
        return
    with closing(docker.DockerClient()) as source, subprocess.Popen(["podman", "load"], stdin=subprocess.PIPE) as load:
        assert load.stdin is not None
        for chunk in source.images.get(image_id).save(named=True):
            load.stdin.write(chunk)


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Set (or with None, leave alone) environment variables for the time of the block."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
