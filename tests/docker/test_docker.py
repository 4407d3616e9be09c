"""The Docker sandbox, looked at from the inside and ended from the outside, by a real engine."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.errors import CommandNotFound, EnvironmentFault, SandboxFault
from harness.sandbox.cause import Cause
from harness.sandbox.cgroup import Cgroup, CgroupWatch
from harness.sandbox.choose import choose_sandbox
from harness.sandbox.container_config import SANDBOX_USER, container_config
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import connect, reap
from harness.sandbox.gpu.facts import Gpu
from harness.sandbox.gpu.nvml import Nvml
from harness.sandbox.gpu.slot import HeldGpu
from harness.sandbox.interface import Job, Mount
from harness.sandbox.owner import HOST_LABEL, JOB_LABEL, OWNER_LABEL, this_host, this_owner

from ..unit.sandbox import session_cases

pytestmark = pytest.mark.docker
MakeJob = Callable[..., Job]


def ours(client: docker.DockerClient) -> list[str]:
    """Name the containers of this process, whatever their state."""
    found = client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={this_owner()}"})
    return [str(one["Names"][0]).lstrip("/") for one in found]


@pytest.fixture(autouse=True)
def _nothing_left(client: docker.DockerClient) -> Iterator[None]:
    """Whatever a test does, no container is left."""
    yield
    assert ours(client) == []


def look(sandbox: DockerSandbox, job: Job) -> str:
    """Run a job that must end well, and give what it printed."""
    ended = sandbox.run(job)
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0), job.stderr_path.read_text()
    return job.stdout_path.read_text().strip()


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("allow_process", [False, True], ids=["foreign code", "own code"])
def test_without_an_image_a_check_of_ones_own_code_still_can_run(tmp_path: Path, allow_process: bool) -> None:
    with pytest.raises(EnvironmentFault, match=r"There is no image lock at .*/image\.lock") as caught:
        choose_sandbox("auto", image_lock=tmp_path / "image.lock", allow_process=allow_process)
    assert "give its lock with --image-lock" in caught.value.remedy
    assert ("`--sandbox process`" in caught.value.remedy) is allow_process


def test_user_is_not_root_and_owns_its_folder(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    user, _, owner = look(sandbox, make_job("id -u; echo x > new; mkdir d; stat -c %u . new d")).partition("\n")
    expected = str(SANDBOX_USER if os.getuid() == 0 else os.getuid())
    assert user == expected
    assert owner.split() == [expected] * 3


def test_earlier_files_are_handed_over(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    job = make_job("echo more >> sub/file; cat sub/file")
    (job.workdir.source / "sub").mkdir(parents=True)
    (job.workdir.source / "sub/file").write_text("first\n")
    assert look(sandbox, job) == "first\nmore"


def test_confinement(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    status = dict(line.split(":\t") for line in look(sandbox, make_job("cat /proc/self/status")).splitlines())
    assert [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == ["0" * 16] * 5
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_namespaces_and_key_rings_are_refused(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = """
    unshare --user --map-root-user true 2> /dev/null && echo "a user namespace can be made"
    python3 - <<'END'
    import ctypes, errno, os, threading
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = {"x86_64": (250, 435), "aarch64": (219, 435)}[os.uname().machine]
    for name, number in zip(("keyctl", "clone3"), numbers):
        print(name, errno.errorcode[ctypes.get_errno()] if libc.syscall(number, 0, 0, 0) < 0 else "works")
    thread = threading.Thread(target=print, args=["threads work"])
    thread.start()
    thread.join()
    END
    """
    assert look(sandbox, make_job(textwrap.dedent(script))).splitlines() == [
        "keyctl EPERM",
        "clone3 ENOSYS",
        "threads work",
    ]


def test_root_file_system_cannot_be_written(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = """
    for place in / /etc /usr/bin /var/tmp /run /root /given /proc/sys /sys; do
      touch $place/x 2> /dev/null && echo "$place can be written"
    done
    cat /given/file; echo x 2> /dev/null >> /given/file || echo kept
    """
    job = make_job(script)
    assert look(sandbox, job) == "given\nkept"
    assert (job.mounts[1].source / "file").read_text() == "given\n"


def test_mounts_say_so_themselves(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    rows = [line.split() for line in look(sandbox, make_job("cat /proc/mounts")).splitlines()]
    mounts = {row[1]: row[3].split(",") for row in rows}
    assert [mounts[place][0] for place in ("/", "/given", "/work", "/tmp")] == ["ro", "ro", "rw", "rw"]
    assert {"nosuid", "nodev", "size=131072k"} <= set(mounts["/tmp"])
    assert "size=65536k" in mounts["/dev/shm"]


def test_tmp_is_home_and_gone_afterwards(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = 'echo "$HOME $TMPDIR"; ls -A /tmp; stat -f -c %T /tmp; cp "$(type -P true)" /tmp/program; /tmp/program'
    for _ in range(2):
        assert look(sandbox, make_job(script)) == "/tmp /tmp\ntmpfs"


def test_no_network(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = "ls /sys/class/net; (echo > /dev/tcp/1.1.1.1/53) 2>&1 | grep -o 'Network is unreachable' | head -1"
    assert look(sandbox, make_job(script)).split("\n", 1) == ["lo", "Network is unreachable"]


def test_environment_is_the_jobs(sandbox: DockerSandbox, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    monkeypatch.setenv("HTTP_PROXY", "http://canary")
    shown = look(sandbox, make_job("env; hostname; pwd", environment={"GIVEN": "yes"}))
    lines = shown.splitlines()
    assert {"HOME=/tmp", "TMPDIR=/tmp", "LANG=C.UTF-8", "OMP_NUM_THREADS=1", "GIVEN=yes"} <= set(lines)
    assert lines[-2:] == ["sandbox", "/work"]
    assert "canary" not in shown


def test_host_is_out_of_sight(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = "ls -A /work /given; ls -d /var/run/docker.sock /run/docker.sock 2>&1; ls -d /proc/[0-9]* | wc -l"
    shown = look(sandbox, make_job(script))
    assert "file" in shown
    assert shown.count("No such file or directory") == 2
    assert int(shown.splitlines()[-1]) < 10


def test_processes_are_bounded(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = "for i in $(seq 100); do sleep 20 & echo $i; done"
    ended = sandbox.run(job := make_job(script, pids=30, timeout_s=2.0))
    assert ended.cause is Cause.DEADLINE  # bash goes on trying to fork
    assert 20 < len(job.stdout_path.read_text().split()) < 30
    assert look(sandbox, make_job("cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max || true", pids=30)) == "30"


def test_core_and_file_size_are_bounded(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    assert look(sandbox, make_job("ulimit -c; ulimit -f")).split() == ["0", str((65 << 20) // 1024)]


@pytest.mark.parametrize(
    ("script", "cause", "exit_code", "number"),
    [
        ("true", Cause.EXITED, 0, None),
        ("exit 3", Cause.EXITED, 3, None),
        ("exit 200", Cause.EXITED, 200, None),
        ("no-such-program-here", Cause.EXITED, 127, None),
        ("/etc/passwd", Cause.EXITED, 126, None),
        ("kill -9 $$", Cause.SIGNALED, None, 9),
        ("kill -TERM $$", Cause.SIGNALED, None, 15),
        ("kill -SEGV $$", Cause.SIGNALED, None, 11),
        ("sleep 100 & setsid sleep 100 & exit 5", Cause.EXITED, 5, None),
    ],
)
def test_ends(
    sandbox: DockerSandbox, make_job: MakeJob, script: str, cause: Cause, exit_code: int | None, number: int | None
) -> None:
    ended = sandbox.run(make_job(script))
    assert (ended.cause, ended.exit_code, ended.signal) == (cause, exit_code, number)
    assert 0 < ended.duration_s < 10


@pytest.mark.parametrize("program", ["no-such-program-here", "/etc/passwd", "/usr", "/no/such/program"])
def test_missing_program_is_not_the_students_fault(sandbox: DockerSandbox, make_job: MakeJob, program: str) -> None:
    with pytest.raises(CommandNotFound, match=f"image has no program `{program}`, which the command of job") as caught:
        sandbox.run(make_job(argv=(program, "x")))
    assert "Correct the command in assignment.yaml" in caught.value.remedy
    assert caught.value.exit_code == 3


def test_output_is_kept_apart_and_whole(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    job = make_job("head -c 3000000 /dev/zero; echo two >&2", output_bytes=4_000_000)
    sandbox.run(job)
    assert job.stdout_path.read_bytes() == bytes(3_000_000)
    assert job.stderr_path.read_text() == "two\n"


def test_standard_input(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    assert look(sandbox, make_job("wc -c", stdin=b"x" * 3_000_000)) == "3000000"
    assert look(sandbox, make_job("wc -c")) == "0"


def test_standard_input_that_nobody_reads(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    assert sandbox.run(make_job("exit 4", stdin=b"x" * 3_000_000)).exit_code == 4


@pytest.mark.parametrize("attempt", range(10))
def test_deadline_ends_the_container(
    client: docker.DockerClient, sandbox: DockerSandbox, make_job: MakeJob, attempt: int
) -> None:
    script = """
    trap '' TERM INT HUP
    setsid bash -c 'trap "" TERM; while :; do sleep 0.1; done' &
    bash -c 'kill -STOP $$' &
    while :; do sleep 0.1; done
    """
    ended = sandbox.run(make_job(script, timeout_s=0.5))
    assert ended.cause is Cause.DEADLINE
    assert 0.5 <= ended.duration_s < 2.5
    assert ours(client) == []


def test_interrupt_leaves_nothing(client: docker.DockerClient, sandbox: DockerSandbox, make_job: MakeJob) -> None:
    def interrupt() -> None:
        until = time.monotonic() + 20
        while not ours(client) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(make_job("sleep 60"))
    thread.join()
    assert ours(client) == []


def test_flood_of_output_is_cut(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    job = make_job("yes & yes >&2", output_bytes=50_000)
    ended = sandbox.run(job)
    assert ended.cause is Cause.OUTPUT_CAP
    assert ended.duration_s < 10
    assert job.stdout_path.stat().st_size + job.stderr_path.stat().st_size == 50_000


@pytest.mark.parametrize(
    "script",
    [
        "for i in 1 2 3 4 5 6; do head -c 4000000 /dev/zero > f$i; done; sleep 60",
        "for i in 1 2 3 4 5 6; do head -c 4000000 /dev/zero > f$i; done",
        "head -c 90000000 /dev/zero > big; exit 1",
        "trap '' XFSZ; head -c 90000000 /dev/zero > big; exit 1",
    ],
    ids=["many files", "ends at once", "one file", "ignores the signal"],
)
def test_disk_cap(sandbox: DockerSandbox, make_job: MakeJob, script: str) -> None:
    ended = sandbox.run(make_job(script, disk_bytes=20_000_000))
    assert ended.cause is Cause.DISK_CAP
    assert ended.duration_s < 10


@pytest.mark.parametrize("attempt", range(3))
def test_memory_cap(sandbox: DockerSandbox, make_job: MakeJob, attempt: int) -> None:
    ended = sandbox.run(make_job("x=$(head -c 300000000 /dev/zero | tr '\\0' a)", memory_bytes=64 << 20))
    assert ended.cause is Cause.OUT_OF_MEMORY


@pytest.fixture
def narrow(client: docker.DockerClient) -> Iterator[str]:
    """A control group of the engine's machine for containers, with little memory and few processes: a full machine."""
    info = client.info()
    v1, by_systemd = info["CgroupVersion"] == "1", info["CgroupDriver"] == "systemd"
    if os.getuid() != 0 or (v1 and (by_systemd or os.environ.get("HARNESS_TEST_ENGINE"))):
        pytest.skip("needs root, and on cgroup v1 Docker that looks after control groups itself")
    name = f"narrow{uuid.uuid4().hex[:8]}"
    if by_systemd:
        with narrow_slice(f"{name}.slice"):
            yield f"{name}.slice"
        return
    limits = {
        "memory/memory.limit_in_bytes" if v1 else "memory.max": 100 << 20,
        "pids/pids.max" if v1 else "pids.max": 14,
    }
    for place, limit in limits.items():
        folder = Path("/sys/fs/cgroup", place).parent / name
        folder.mkdir(exist_ok=True)
        (folder / Path(place).name).write_text(str(limit))
    yield f"/{name}"
    for folder in (Path("/sys/fs/cgroup", name), *Path("/sys/fs/cgroup").glob(f"*/{name}")):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def narrow_slice(name: str) -> Iterator[None]:
    """Have systemd make the group, where it would undo what others do."""
    subprocess.run(["systemctl", "set-property", "--runtime", name, "MemoryMax=100M", "TasksMax=14"], check=True)
    subprocess.run(["systemctl", "start", name], check=True)
    yield
    subprocess.run(["systemctl", "stop", name], check=True)
    subprocess.run(["systemctl", "revert", name], check=True)


@pytest.mark.parametrize(
    "program",
    [
        "x = bytearray(150 << 20)",
        "import threading\nfor _ in range(30): threading.Thread(target=__import__('time').sleep, args=[3]).start()",
    ],
)
def test_machine_that_runs_out_is_not_the_programs_fault(
    sandbox: DockerSandbox, make_job: MakeJob, narrow: str, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    program = f"import time; time.sleep(0.5)\n{program}"  # what ran out is told of a program that is being watched

    def inside(*given: Any, **more: Any) -> dict[str, Any]:
        made = container_config(*given, **more)
        made["HostConfig"]["CgroupParent"] = narrow
        return made

    monkeypatch.setattr("harness.sandbox.docker.container_config", inside)
    with pytest.raises(EnvironmentFault, match="machine ran out of memory or processes while job job ran") as caught:
        sandbox.run(make_job(argv=("python3", "-c", program), memory_bytes=256 << 20, pids=64))
    assert "larger machine" in caught.value.remedy


@pytest.mark.skipif(os.environ.get("HARNESS_TEST_ENGINE") == "podman", reason="the kernel's counts are the same")
def test_watch_over_a_control_group_rests(client: docker.DockerClient, sandbox_image: str) -> None:
    """The kernel wakes it when there is news."""
    made = client.containers.run(sandbox_image, ["sleep", "60"], detach=True, network_mode="none")
    try:
        pid = client.api.inspect_container(made.id)["State"]["Pid"]
        looks: list[Path] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cgroup, "memory_bytes", lambda group: looks.append(group.memory) or 1)
            watch = CgroupWatch(pid, otherwise=dict)
            watch.start()
            time.sleep(2)
            watch.stop()
        assert watch.peak_bytes == 1
        assert 5 < len(looks) < 30
    finally:
        made.remove(force=True)


def test_memory_cap_counts_tmp(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    ended = sandbox.run(make_job("head -c 100000000 /dev/zero > /tmp/big; exit 7", memory_bytes=64 << 20))
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 7)  # /tmp was full at half of the memory


def test_killed_child_of_a_program_that_ends_well_is_no_cause(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    script = "bash -c \"x=\\$(head -c 300000000 /dev/zero | tr '\\\\0' a)\"; echo $?; exit 0"
    assert look(sandbox, make_job(script, memory_bytes=64 << 20)) == "137"


def test_peak_memory_is_measured(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    ended = sandbox.run(make_job("x=$(head -c 50000000 /dev/zero | tr '\\0' a); sleep 2; true"))
    assert ended.peak_memory_bytes is not None
    assert 45_000_000 < ended.peak_memory_bytes < 256 << 20


def test_labels_and_logs(client: docker.DockerClient, sandbox: DockerSandbox, make_job: MakeJob) -> None:
    thread = threading.Thread(target=sandbox.run, args=[make_job("sleep 2", name="fetch")])
    thread.start()
    until = time.monotonic() + 20
    while not (names := ours(client)) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(names) == 1
    found = client.api.inspect_container(names[0])
    assert found["Config"]["Labels"][JOB_LABEL] == "fetch"
    assert found["Config"]["Labels"][HOST_LABEL] == this_host()
    assert found["HostConfig"]["LogConfig"]["Type"] == "none"
    assert found["HostConfig"]["IpcMode"] in ("private", "shareable")  # Podman says the second of the first
    assert found["HostConfig"]["Init"] is True
    thread.join()


def test_container_that_is_removed_by_somebody_is_our_fault(
    client: docker.DockerClient, sandbox: DockerSandbox, make_job: MakeJob
) -> None:
    def remove() -> None:
        until = time.monotonic() + 20
        while not (names := ours(client)) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        client.api.remove_container(names[0], force=True)

    thread = threading.Thread(target=remove)
    thread.start()
    with pytest.raises(SandboxFault, match=r"could not tell how the container is|somebody else stopped or removed it"):
        sandbox.run(make_job("sleep 60"))
    thread.join()


def test_container_that_cannot_be_made_is_our_fault(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    with pytest.raises(SandboxFault, match=r"could not (make|attach to) the container: .*[Mm]emory") as caught:
        sandbox.run(make_job("true", memory_bytes=1000))
    assert "engine's log" in caught.value.remedy
    assert caught.value.exit_code == 5


NOWHERE = Gpu(uuid="GPU-0", name="none", memory_bytes=1, minor=0)


def test_gpu_that_the_engine_cannot_give(client: docker.DockerClient, sandbox_image: str) -> None:
    if "nvidia" in client.info()["Runtimes"]:
        pytest.skip("this engine can give GPUs")
    with pytest.raises(EnvironmentFault, match="cannot give GPU GPU-0 to a container") as caught:
        DockerSandbox(sandbox_image, gpu=HeldGpu(gpu=NOWHERE, driver=Nvml()))
    assert "NVIDIA Container Toolkit" in caught.value.remedy


def test_several_at_once(sandbox: DockerSandbox, make_job: MakeJob) -> None:
    codes: dict[int, int | None] = {}

    def one(number: int) -> None:
        codes[number] = sandbox.run(make_job(f"sleep 0.5; exit {number}", name=f"job{number}")).exit_code

    threads = [threading.Thread(target=one, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {number: number for number in range(4)}


def test_reaper_takes_the_dead_and_spares_the_living(client: docker.DockerClient, sandbox_image: str) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "from harness.sandbox.owner import this_owner; print(this_owner())"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    owners = {
        "dead": {OWNER_LABEL: dead, HOST_LABEL: this_host()},
        "living": {OWNER_LABEL: f"{os.getpid()}:{this_owner().split(':')[1]}", HOST_LABEL: this_host()},
        "elsewhere": {OWNER_LABEL: dead, HOST_LABEL: "another:1"},
        "foreign": {"some.label": "x"},
    }
    # Without CAP_SYS_RESOURCE, Podman cannot give what it gives if it is told nothing.
    ulimits = [docker.types.Ulimit(name=name, soft=4096, hard=4096) for name in ("nofile", "nproc")]
    made = {
        name: client.containers.run(
            sandbox_image, ["sleep", "60"], detach=True, network_mode="none", labels=labels, ulimits=ulimits
        )
        for name, labels in owners.items()
    }
    try:
        reap(client)  # a sandbox that another test makes meanwhile may have been faster
        left = {one["Id"] for one in client.api.containers(all=True)}
        assert {name for name, one in made.items() if one.id in left} == {"living", "elsewhere", "foreign"}
    finally:
        for one in made.values():
            with contextlib.suppress(docker.errors.NotFound):
                one.remove(force=True)


def test_missing_image(client: docker.DockerClient) -> None:
    with pytest.raises(EnvironmentFault, match="no image `no-such-image:here`") as caught:
        DockerSandbox("no-such-image:here", client=connect())
    assert "harness image build" in caught.value.remedy


def test_path_is_the_targets(sandbox: DockerSandbox) -> None:
    mount = Mount(source=Path("/somewhere"), target="/data")
    assert sandbox.path(mount) == "/data"
    assert sandbox.path(mount, "a/b") == "/data/a/b"
    assert (sandbox.name, sandbox.isolates) == ("docker", True)
    assert (sandbox.image_id or "").startswith("sha256:")


@pytest.mark.parametrize("case", [session_cases.talk, session_cases.death, session_cases.silence])
def test_session(case: Callable[..., None], sandbox: DockerSandbox, make_job: MakeJob) -> None:
    case(sandbox, make_job)


def test_cancel(sandbox_image: str, make_job: MakeJob, tmp_path: Path) -> None:
    with contextlib.closing(DockerSandbox(sandbox_image)) as sandbox:
        session_cases.cancel(sandbox, make_job, tmp_path / "work")
