"""The process sandbox ends everything that it starts, and says truly why. Only real processes here."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.errors import CommandNotFound, EnvironmentFault, SandboxFault
from harness.sandbox.cause import Cause
from harness.sandbox.interface import Ended, Job, Mount
from harness.sandbox.process import ProcessSandbox

MakeJob = Callable[..., Job]
HIDE = "setsid bash -c 'trap \"\" TERM HUP INT; echo $$ >> pids; while :; do sleep 0.05; done' &"


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does, no process that wrote its pid and no temporary folder is left."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield
    pids = tmp_path / "work/pids"
    for pid in pids.read_text().split() if pids.exists() else []:
        assert not runs(int(pid)), f"process {pid} is left"
    assert not list(temporary.iterdir())
    assert not psutil.Process().children(recursive=True)


def runs(pid: int) -> bool:
    """Tell whether a process runs; a zombie only waits for init to notice."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def run(job: Job) -> Ended:
    return ProcessSandbox().run(job)


def out(job: Job) -> str:
    return job.stdout_path.read_text()


@pytest.mark.parametrize(
    ("script", "cause", "exit_code", "number"),
    [
        ("true", Cause.EXITED, 0, None),
        ("exit 3", Cause.EXITED, 3, None),
        ("exit 200", Cause.EXITED, 200, None),
        ("no-such-program-here", Cause.EXITED, 127, None),
        ("kill -9 $$", Cause.SIGNALED, None, 9),
        ("kill -TERM $$", Cause.SIGNALED, None, 15),
        ("kill -SEGV $$", Cause.SIGNALED, None, 11),
        ("kill -9 0", Cause.SIGNALED, None, 9),
    ],
)
def test_ends(make_job: MakeJob, script: str, cause: Cause, exit_code: int | None, number: int | None) -> None:
    ended = run(make_job(script))
    assert (ended.cause, ended.exit_code, ended.signal) == (cause, exit_code, number)
    assert ended.peak_memory_bytes is not None
    assert 1 << 20 < ended.peak_memory_bytes < 100 << 20
    assert 0 < ended.duration_s < 10


@pytest.mark.parametrize("program", ["no-such-program-here", "/etc/passwd", "/no/such/program"])
def test_missing_program_is_not_the_students_fault(make_job: MakeJob, program: str) -> None:
    with pytest.raises(CommandNotFound, match=f"no program `{program}`, which the command of job starts") as caught:
        run(make_job(argv=(program, "x")))
    assert "Correct the command in assignment.yaml" in caught.value.remedy
    assert caught.value.exit_code == 3


def test_output_is_kept_apart(make_job: MakeJob) -> None:
    job = make_job("echo one; echo two >&2")
    run(job)
    assert out(job) == "one\n"
    assert job.stderr_path.read_text() == "two\n"


def test_standard_input(make_job: MakeJob) -> None:
    job = make_job("wc -c", stdin=b"x" * 3_000_000)
    assert run(job).exit_code == 0
    assert out(job).strip() == "3000000"


def test_standard_input_that_nobody_reads(make_job: MakeJob) -> None:
    assert run(make_job("exit 4", stdin=b"x" * 3_000_000)).exit_code == 4


def test_no_standard_input_is_empty(make_job: MakeJob) -> None:
    job = make_job("wc -c")
    run(job)
    assert out(job).strip() == "0"


def test_environment_is_clean(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    job = make_job("env; command -v python3; pwd", environment={"GIVEN": "yes"})
    run(job)
    names = {line.split("=")[0] for line in out(job).splitlines() if "=" in line}
    assert names == {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "OMP_NUM_THREADS",
        "CUDA_VISIBLE_DEVICES",
        "GIVEN",
        "PWD",
        "LORA_HARNESS_JOB",
        "SHLVL",
        "_",
    }
    assert "canary" not in out(job)
    assert str(Path(sys.executable).parent / "python3") in out(job).splitlines()
    assert out(job).splitlines()[-1] == str(job.workdir.source)


def test_home_is_private_and_gone_afterwards(make_job: MakeJob) -> None:
    job = make_job('echo x > "$HOME/f"; mkdir -m 0 "$TMPDIR/closed"; echo "$HOME"; [ "$HOME" = "$TMPDIR" ]')
    assert run(job).exit_code == 0
    assert not Path(out(job).strip()).exists()


def test_nothing_else_is_open(make_job: MakeJob) -> None:
    with tempfile.TemporaryFile() as secret:
        os.set_inheritable(secret.fileno(), True)
        job = make_job("ls /proc/$$/fd; true")
        run(job)
    assert set(out(job).split()) <= {"0", "1", "2", "255"}


def test_deadline_ends_all_descendants(make_job: MakeJob) -> None:
    job = make_job(f"trap '' TERM; {HIDE} ( {HIDE} ) ; kill -STOP $BASHPID & sleep 60", timeout_s=1.0)
    began = time.monotonic()
    ended = run(job)
    assert ended.cause is Cause.DEADLINE
    assert time.monotonic() - began < 3
    assert len((job.workdir.source / "pids").read_text().split()) == 2


def test_descendants_end_with_the_program(make_job: MakeJob) -> None:
    began = time.monotonic()
    ended = run(make_job(f"{HIDE} until [ -s pids ]; do sleep 0.01; done; exit 5"))
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 5)
    assert time.monotonic() - began < 5


def test_double_fork_is_found(make_job: MakeJob) -> None:
    program = textwrap.dedent(
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open("pids", "a").write(f"{os.getpid()}\\n")
                time.sleep(60)
            os._exit(0)
        while not os.path.exists("pids"):
            time.sleep(0.01)
        """
    )
    assert run(make_job(argv=("python3", "-c", program))).exit_code == 0


def test_breeding_program_is_ended(make_job: MakeJob) -> None:
    script = "breed() { echo $BASHPID >> pids; sleep 0.02; setsid true; breed & }; breed; sleep 60"
    job = make_job(script, timeout_s=1.5)
    began = time.monotonic()
    assert run(job).cause is Cause.DEADLINE
    assert time.monotonic() - began < 5


def test_flood_of_output_is_cut(make_job: MakeJob) -> None:
    job = make_job("yes & yes >&2", output_bytes=50_000)
    assert run(job).cause is Cause.OUTPUT_CAP
    assert job.stdout_path.stat().st_size + job.stderr_path.stat().st_size == 50_000


def test_too_much_output_of_a_program_that_ended(make_job: MakeJob) -> None:
    assert run(make_job("head -c 50001 /dev/zero", output_bytes=50_000)).cause is Cause.OUTPUT_CAP
    assert run(make_job("head -c 50000 /dev/zero", output_bytes=50_000)).cause is Cause.EXITED


@pytest.mark.parametrize(
    "script",
    [
        "for i in 1 2 3 4 5 6; do head -c 4000000 /dev/zero > f$i; done; sleep 60",
        "head -c 90000000 /dev/zero > big; exit 1",
        "cd $TMPDIR; for i in 1 2 3 4 5 6; do head -c 4000000 /dev/zero > f$i; done",
        'python3 -c \'open("big", "wb").write(bytes(90000000))\'',
    ],
    ids=["many files", "one file", "temporary folder", "ignores the signal"],
)
def test_disk_cap(make_job: MakeJob, script: str) -> None:
    ended = run(make_job(script, disk_bytes=20_000_000))
    assert ended.cause is Cause.DISK_CAP
    assert ended.duration_s < 10


def test_memory_cap_sums_the_tree(make_job: MakeJob) -> None:
    script = "for i in 1 2 3; do python3 -c 'x = bytearray(b\"x\" * 90_000_000); input()' < <(sleep 60) & done; wait"
    ended = run(make_job(script, memory_bytes=200 << 20))
    assert ended.cause is Cause.OUT_OF_MEMORY
    assert ended.peak_memory_bytes is not None
    assert ended.peak_memory_bytes > 200 << 20


def test_shared_memory_counts_once(make_job: MakeJob) -> None:
    program = "import os, time; x = bytearray(b'x' * 100_000_000); [os.fork() for _ in range(2)]; time.sleep(1)"
    assert run(make_job(argv=("python3", "-c", program), memory_bytes=250 << 20)).cause is Cause.EXITED


def test_reserved_address_space_is_free(make_job: MakeJob) -> None:
    program = "import mmap; m = mmap.mmap(-1, 8 << 30); print('reserved')"
    assert run(make_job(argv=("python3", "-c", program), memory_bytes=100 << 20)).exit_code == 0


def test_no_core_files(make_job: MakeJob) -> None:
    job = make_job("ulimit -c")
    run(job)
    assert out(job).strip() == "0"


def test_process_whose_first_thread_has_ended_is_ended_too(make_job: MakeJob) -> None:
    """It looks like a zombie, but its other threads run."""
    program = """
import ctypes, os, platform, threading, time
if os.fork() == 0:
    os.setsid()
    threading.Thread(target=time.sleep, args=[60]).start()
    exit_of_this_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    ctypes.CDLL(None).syscall(exit_of_this_thread, 0)
print("up", flush=True)
"""
    began = time.monotonic()
    ended = run(make_job(argv=(sys.executable, "-c", program)))
    assert (ended.cause, ended.exit_code) == (Cause.EXITED, 0)
    assert time.monotonic() - began < 5


def test_program_that_kills_its_supervisor(make_job: MakeJob) -> None:
    with pytest.raises(SandboxFault, match="supervisor of job job was killed, by the program or by the machine"):
        run(make_job(f"{HIDE} sleep 0.6; kill -9 $PPID; sleep 60"))


def test_interrupt_leaves_nothing(make_job: MakeJob) -> None:
    timer = threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(make_job(f"{HIDE} sleep 60"))
    timer.join()


def test_killed_harness_leaves_nothing(make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor ends processes when its leash drops; the next start removes what is left of files."""
    work = tmp_path / "work"
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from harness.sandbox.interface import Job, Limits, Mount
        from harness.sandbox.process import ProcessSandbox
        work = Mount(source=Path({str(work)!r}), target="/work", writable=True)
        limits = Limits(timeout_s=60, memory_bytes=1 << 29, disk_bytes=1 << 29, output_bytes=1000, cpus=1, pids=64)
        script = {"echo $$ >> pids; " + HIDE + " sleep 60"!r}
        ProcessSandbox().run(Job(name="job", argv=("bash", "-c", script), mounts=(work,), workdir=work, limits=limits,
            log_dir=Path({str(tmp_path / "logs")!r})))
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(tmp_path)}) as harness:
        until = time.monotonic() + 10
        while not (work / "pids").exists() or len((work / "pids").read_text().split()) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        harness.kill()
    pids = [int(pid) for pid in (work / "pids").read_text().split()]
    until = time.monotonic() + 5
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < until, "the supervisor did not clean up"
        time.sleep(0.02)
    assert len(list(tmp_path.glob("lora-harness_*"))) == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ProcessSandbox()
    assert list(tmp_path.glob("lora-harness_*")) == []


def test_several_at_once(make_job: MakeJob, tmp_path: Path) -> None:
    sandbox = ProcessSandbox()
    codes: list[int | None] = []

    def one(number: int) -> None:
        work = Mount(source=tmp_path / f"work{number}", target="/work", writable=True)
        job = make_job("")
        job = Job(
            name=f"job{number}",
            argv=("bash", "-c", f"sleep 0.2; exit {number}"),
            mounts=(work,),
            workdir=work,
            limits=job.limits,
            log_dir=tmp_path / "logs",
        )
        codes.append(sandbox.run(job).exit_code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(code for code in codes if code is not None) == list(range(6))


def test_logs_that_cannot_be_kept_are_our_fault(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(EnvironmentFault, match="Job job could not be kept: File exists") as caught:
        run(make_job("true"))
    assert "Free some disk" in caught.value.remedy


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_failure_on_a_full_disk_is_not_the_students_fault(make_job: MakeJob, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(work)], check=False).returncode != 0:
        pytest.skip("this root may not mount")
    try:
        with pytest.raises(EnvironmentFault, match=r"while the disk it writes to was full \(0 MiB free\)") as caught:
            run(make_job("head -c 20000000 /dev/zero > big"))
        assert "Free at least" in caught.value.remedy
    finally:
        subprocess.run(["umount", str(work)], check=True)


def test_path_is_the_hosts(tmp_path: Path) -> None:
    sandbox = ProcessSandbox()
    mount = Mount(source=tmp_path, target="/data")
    assert sandbox.path(mount) == str(tmp_path.resolve())
    assert sandbox.path(mount, "a/b") == str(tmp_path.resolve() / "a/b")
    assert (sandbox.name, sandbox.isolates, sandbox.image_id) == ("process", False, None)
