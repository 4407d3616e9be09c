"""An engine that goes away and a disk that fills up are never the program's fault; with an engine of our own."""

import contextlib
import gc
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from harness.errors import EnvironmentFault
from harness.sandbox.cause import Cause
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import connect, reap
from harness.sandbox.interface import Job
from harness.sandbox.owner import OWNER_LABEL, this_owner

from .own_engine import IMAGE, OwnEngine, mounts_below, own_engine, why_not

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
    # The engine's client leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MakeJob = Callable[..., Job]
# The program makes the most of the signal that an engine sends when it stops.
PROGRAMS = {
    "ends by the signal": "echo up; sleep 60",
    "ends well after the signal": "trap 'exit 0' TERM; echo up; sleep 60 & wait",
    "ends badly after the signal": "trap 'exit 3' TERM; echo up; sleep 60 & wait",
    "does not care": "trap '' TERM; echo up; sleep 60 & wait; sleep 60",
}


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect those sockets here, where the warning is expected, and not in a later test."""
    yield
    gc.collect()


@pytest.fixture
def engine(client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnEngine]:
    """An engine of our own with the small image; DOCKER_HOST points at it."""
    yield from _engine(client, monkeypatch)


def _engine(client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, *flags: str) -> Iterator[OwnEngine]:
    try:
        client.images.get(IMAGE)
    except ImageNotFound:
        pytest.skip(f"the engine has no {IMAGE}: its base came from a registry")
    # Not below tmp_path: the path of a Unix socket has 107 bytes at most.
    with own_engine(Path(tempfile.mkdtemp(prefix="engine-")), *flags) as engine:
        engine.load(client)
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        yield engine


def meanwhile(job: Job, act: Callable[[], object]) -> threading.Thread:
    """Act as soon as the program has printed something."""

    def wait() -> None:
        until = time.monotonic() + 20
        while not (job.stdout_path.exists() and job.stdout_path.stat().st_size) and time.monotonic() < until:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("how", ["stopped", "restarted"])
def test_engine_that_is_stopped(engine: OwnEngine, make_job: MakeJob, program: str, how: str) -> None:
    def act() -> None:
        engine.stop()
        if how == "restarted":
            engine.start()

    job = make_job(PROGRAMS[program])
    with contextlib.closing(DockerSandbox(IMAGE)) as sandbox:
        thread = meanwhile(job, act)
        try:
            ended = sandbox.run(job)
        except EnvironmentFault as fault:
            assert "grade again" in fault.remedy or "Start Docker" in fault.remedy
        else:
            # Who ends well has done its work, if the engine still told of it (20.10 does): nothing is held against it.
            assert (program, ended.cause, ended.exit_code) == ("ends well after the signal", Cause.EXITED, 0)
        thread.join()


def test_engine_that_is_killed(engine: OwnEngine, make_job: MakeJob) -> None:
    """Containers outlive it; the next start finds and removes them."""
    job = make_job("echo up; sleep 60")
    with contextlib.closing(DockerSandbox(IMAGE)) as sandbox:
        thread = meanwhile(job, lambda: engine.stop(signal.SIGKILL))
        with pytest.raises(EnvironmentFault, match="container engine"):
            sandbox.run(job)
        thread.join()
    engine.start()
    with contextlib.closing(connect()) as client:
        left = client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={this_owner()}"})
        for one in left:  # they are this living process's own, so that a reaper spares them
            client.api.remove_container(one["Id"], force=True)
        assert reap(client) == 0


def test_program_that_fails_while_the_engine_is_well(engine: OwnEngine, make_job: MakeJob) -> None:
    with contextlib.closing(DockerSandbox(IMAGE)) as sandbox:
        ended = sandbox.run(make_job("kill -TERM $$"))
    assert (ended.cause, ended.signal) == (Cause.SIGNALED, 15)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"mount is not allowed: {mounted.stderr.decode()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("where", ["work", "logs"])
def test_disk_that_somebody_else_fills(
    sandbox: DockerSandbox, make_job: MakeJob, small_disk: Path, tmp_path: Path, where: str
) -> None:
    """The program stays within its own budget of 64 MiB and fails all the same."""
    (tmp_path / where).symlink_to(small_disk)
    script = {
        "work": "echo up; sleep 1; head -c 20000000 /dev/zero > file",
        "logs": "echo up; sleep 1; while true; do head -c 9000 /dev/zero | tr '\\0' x; sleep 0.01; done",
    }[where]
    job = make_job(script, output_bytes=50_000_000, timeout_s=20.0)

    def fill() -> None:
        with contextlib.suppress(OSError), (small_disk / "neighbour").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))

    thread = meanwhile(job, fill)
    with pytest.raises(
        EnvironmentFault, match=r"disk it writes to was full|could not be kept: No space left"
    ) as caught:
        sandbox.run(job)
    assert "Free" in caught.value.remedy
    thread.join()


def test_full_disk_of_the_engine(client: docker.DockerClient, make_job: MakeJob, small_disk: Path) -> None:
    """Container and image layers lie on it, the job's folders do not."""
    subprocess.run(["mount", "-o", "remount,size=400m", str(small_disk)], check=True)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.contextmanager(_engine)(client, patch, f"--data-root={small_disk}"),
        contextlib.closing(DockerSandbox(IMAGE)) as sandbox,
    ):
        assert sandbox.run(make_job("true")).exit_code == 0
        with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        with pytest.raises(EnvironmentFault, match="its disk is full"):
            sandbox.run(make_job("true"))
        (small_disk / "filler").unlink()


@pytest.mark.skipif("dockremap" not in Path("/etc/subuid").read_text(), reason="no user dockremap in /etc/subuid")
def test_user_namespaces_are_kept(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, make_job: MakeJob
) -> None:
    for _ in _engine(client, monkeypatch, "--userns-remap=default"):
        with contextlib.closing(DockerSandbox(IMAGE)) as sandbox:
            job = make_job("cat /proc/self/uid_map; echo x > new; id -u")
            (job.workdir.source / "sub").mkdir(parents=True)
            assert sandbox.run(job).exit_code == 0, job.stderr_path.read_text()
            first, last = job.stdout_path.read_text().splitlines()
        inside, outside, count = map(int, first.split())
        assert (inside, count) == (0, 65_536)
        assert outside > 0
        assert (job.workdir.source / "new").stat().st_uid == outside + int(last)


def test_nothing_of_an_own_engine_is_left() -> None:
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    with own_engine(folder):
        assert mounts_below(folder)
    assert not mounts_below(folder)
    assert not folder.exists()
