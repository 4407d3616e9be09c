"""A second Docker Engine that a test may stop, kill and start again, apart from the one that everything else uses."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker

IMAGE = "lora-harness-base:bookworm"
_PATIENCE_S = 30.0


class OwnEngine:
    """An engine with folders of its own, without a bridge and firewall rules."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.url = f"unix://{folder / 'engine.sock'}"
        self._folder = folder
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("unshare", "--net", "--"),  # or it would remove the bridge of the machine's own engine
                    "dockerd",
                    *(f"--{flag}={self._folder / name}" for flag, name in places.items()),
                    f"--host={self.url}",
                    "--bridge=none",
                    "--iptables=false",
                    "--storage-driver=overlay2",
                    *self._flags,
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < until, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None
            if number is signal.SIGKILL:
                self._end_containerd()

    def load(self, client: docker.DockerClient) -> None:
        """Give it the small image of another engine."""
        with contextlib.closing(docker.DockerClient(base_url=self.url)) as own:
            own.images.load(b"".join(client.images.get(IMAGE).save(named=True)))

    def _end_containerd(self) -> None:
        """Of a killed engine it stays, and the next one waits for it in vain."""
        for place in (self._folder / "exec/containerd").glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(place.read_text()), signal.SIGKILL)
            place.unlink()

    def _answers(self) -> bool:
        asked = subprocess.run(["docker", "--host", self.url, "version"], capture_output=True, check=False)
        return asked.returncode == 0


@contextlib.contextmanager
def own_engine(folder: Path, *flags: str) -> Iterator[OwnEngine]:
    """Give an engine that is started and, after the block, gone with all that it holds."""
    folder.chmod(0o711)
    engine = OwnEngine(folder, *flags)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        for place in sorted(mounts_below(folder), reverse=True):
            subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def mounts_below(folder: Path) -> list[str]:
    """Tell what is mounted below a folder."""
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{folder}/")]


def why_not() -> str:
    """Tell why this machine cannot run a second engine; empty where it can."""
    if os.getuid() != 0:
        return "only root can start a second engine"
    return "" if shutil.which("dockerd") else "there is no dockerd here"
