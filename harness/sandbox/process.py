"""Runs jobs as plain processes, where there is no container engine. Must not know what a job is for.

It does NOT isolate: the program may read and write whatever the user of the harness may, it reaches any host whatever
the job lists (so nothing is refused), read-only mounts are not enforced and `cpus` is only told to the program. It is
for code that one trusts.
What holds as in containers: deadline, output, disk and memory limits, a clean environment, and that no process is left,
unless the program hunts the supervisor that keeps them: it runs as the same user.
"""

import contextlib
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from harness.errors import CommandNotFound, EnvironmentFault, SandboxFault
from harness.sandbox.alarm import Alarm
from harness.sandbox.cancel import Cancellation
from harness.sandbox.capture import Capture
from harness.sandbox.cause import Cause, Observed
from harness.sandbox.disk import DiskWatch
from harness.sandbox.ending import how_it_ended, writable_sources
from harness.sandbox.gpu.grant import process_environment
from harness.sandbox.gpu.slot import HeldGpu
from harness.sandbox.gpu.watch import GpuWatch
from harness.sandbox.interface import Ended, Job, Limits, Mount
from harness.sandbox.lookup import DEFAULT_PATH
from harness.sandbox.ownership import make_writable_sources
from harness.sandbox.pipes import Pipes, Report
from harness.sandbox.private_folder import private_folder, reap_folders
from harness.sandbox.session import Replies, Session
from harness.sandbox.tree import Tree, TreeMemoryWatch

_SUPERVISOR = Path(__file__).with_name("supervise.py")
_OUTPUT_PATIENCE_S = 10.0
_MARK = "LORA_HARNESS_JOB"
_KILLED = 128 + 9
_NOT_A_PROGRAM = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.EISDIR)


class ProcessSandbox:
    """Runs each job as a process of this machine. Does not isolate; see the module.

    Args:
        gpu: The one GPU that programs without network see, or None.
    """

    name = "process"
    isolates = False
    image_id: str | None = None

    def __init__(self, *, gpu: HeldGpu | None = None) -> None:
        self._gpu = gpu
        self._cancellation = Cancellation()
        reap_folders()

    def close(self) -> None:
        """Do nothing: nothing is held open between jobs."""

    def path(self, mount: Mount, relative: str = "") -> str:
        """Tell the path at which the program sees `mount` (or a path below it): the host's own."""
        return str(mount.source.resolve() / relative)

    def host_address(self) -> str:
        """Give the address at which a program reaches this machine."""
        return "127.0.0.1"

    def run(self, job: Job) -> Ended:
        """Run the job to its end, and end everything that it started.

        Raises:
            CommandNotFound: The machine has no such program as ``argv[0]``.
            EnvironmentFault: The disk is full, or a folder cannot be used.
            SandboxFault: The program could not be started or stopped for a reason of ours.
        """
        try:
            make_writable_sources(job.mounts)
            with private_folder() as home:
                return _run(job, home, None if job.hosts else self._gpu, self._cancellation)
        except OSError as error:
            raise _not_kept(job, error) from error

    @contextlib.contextmanager
    def serve(self, job: Job) -> Iterator[Session]:
        """Start a program that is talked to line by line; see `Sandbox.serve`."""
        job = replace(job, talks=True)
        with contextlib.ExitStack() as stack:
            try:
                make_writable_sources(job.mounts)
                home = stack.enter_context(private_folder())
                replies = Replies(job.stderr_path, limit_bytes=job.limits.output_bytes, silence_s=job.limits.timeout_s)
                stack.callback(replies.close)
                supervisor, _ = stack.enter_context(_supervised(job, _environment(job, home, self._gpu)))
            except OSError as error:
                raise _not_kept(job, error) from error
            pipes = Pipes(supervisor, sink=replies, stdin=None, on_failure=replies.end, on_end=replies.end)
            stack.callback(_end, supervisor, pipes, mark=f"{_MARK}={home.name}")
            stack.enter_context(self._cancellation.waking(replies.end))
            pipes.start()
            yield Session(replies, pipes.send)

    def cancel(self) -> None:
        """End all jobs; see `Sandbox.cancel`."""
        self._cancellation.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watches:
    alarm: Alarm
    disk: DiskWatch
    memory: TreeMemoryWatch
    tree: Tree
    pipes: Pipes
    report: Report
    gpu: GpuWatch | None


def _not_kept(job: Job, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"Job {job.name} could not be kept: {error.strerror or error}.",
        remedy="Free some disk, see that the run folder can be written, and grade again.",
    )


def _end(supervisor: "subprocess.Popen[bytes]", pipes: Pipes, *, mark: str) -> None:
    """Kill a served program and all that it started."""
    Tree(supervisor.pid, mark=mark).kill()
    supervisor.kill()
    supervisor.wait()
    pipes.finish(_OUTPUT_PATIENCE_S)


def _run(job: Job, home: Path, gpu: HeldGpu | None, cancellation: Cancellation) -> Ended:
    alarm = Alarm()
    limits = job.limits
    with (
        Capture(
            job.stdout_path,
            job.stderr_path,
            limit_bytes=limits.output_bytes,
            on_overflow=lambda: alarm.fire(Cause.OUTPUT_CAP),
        ) as capture,
        _supervised(job, _environment(job, home, gpu)) as (supervisor, report_fd),
    ):
        tree = Tree(supervisor.pid, mark=f"{_MARK}={home.name}")
        watches = _Watches(
            alarm=alarm,
            disk=DiskWatch(
                [home, *writable_sources(job)],
                limit_bytes=limits.disk_bytes,
                on_over=lambda: alarm.fire(Cause.DISK_CAP),
                pids=lambda: [one.pid for one in tree.alive()],
            ),
            memory=TreeMemoryWatch(
                tree, limit_bytes=limits.memory_bytes, on_over=lambda: alarm.fire(Cause.OUT_OF_MEMORY)
            ),
            tree=tree,
            pipes=Pipes(supervisor, sink=capture, stdin=job.stdin, on_failure=alarm.wake),
            report=Report(report_fd, on_end=alarm.wake),
            gpu=gpu.watch(lambda: _below(supervisor.pid)) if gpu else None,
        )
        return _watch(job, supervisor, watches, cancellation)


def _watch(job: Job, supervisor: "subprocess.Popen[bytes]", watches: _Watches, cancellation: Cancellation) -> Ended:
    began = time.monotonic()
    alarm, report = watches.alarm, watches.report
    gpu_seen = None
    try:
        if watches.gpu:
            watches.gpu.start()
        for one in (watches.pipes, report, watches.disk, watches.memory):
            one.start()
        with cancellation.waking(alarm.wake):
            if not alarm.wait(job.limits.timeout_s):
                alarm.fire(Cause.DEADLINE)
    finally:
        duration_s = time.monotonic() - began
        watches.memory.stop()
        all_dead = watches.tree.kill()
        supervisor.kill()
        supervisor.wait()
        all_arrived = watches.pipes.finish(_OUTPUT_PATIENCE_S)
        report.finish()
        watches.disk.stop()
        gpu_seen = watches.gpu.stop() if watches.gpu else None
    if not (all_dead and all_arrived):
        raise SandboxFault(
            f"Processes of job {job.name} could not be ended.",
            remedy="End them by hand (see `ps -ef`) and grade again.",
        )
    cancellation.check()
    if watches.pipes.error is not None:
        raise watches.pipes.error
    if alarm.fired is None and watches.disk.is_over():
        alarm.fire(Cause.DISK_CAP)
    seen = Observed(status=_status(job, report, alarm.fired), fired=alarm.fired)
    peak_bytes = max(watches.memory.peak_bytes, report.peak_bytes)
    return how_it_ended(job, seen, duration_s=duration_s, peak_memory_bytes=peak_bytes or None, gpu=gpu_seen)


def _below(pid: int) -> list[int]:
    """List the descendants, also those whose first thread has ended while others go on."""
    with contextlib.suppress(psutil.Error):
        return [one.pid for one in psutil.Process(pid).children(recursive=True)]
    return []


def _status(job: Job, report: Report, fired: Cause | None) -> int:
    if report.exec_errno in _NOT_A_PROGRAM:
        raise CommandNotFound(
            f"This machine has no program `{job.argv[0]}`, which the command of {job.name} starts.",
            remedy="Correct the command in assignment.yaml, or install the program.",
        )
    if report.exec_errno is not None:
        raise SandboxFault(
            f"`{job.argv[0]}` could not be started: {os.strerror(report.exec_errno)}.",
            remedy="See the limits of this machine (`ulimit -a`) and grade again.",
        )
    if report.status is not None:
        return report.status
    if fired is not None:
        return _KILLED
    raise SandboxFault(
        f"The supervisor of job {job.name} was killed, by the program or by the machine (out of memory?).",
        remedy="Grade with a container engine, or on a machine with more memory.",
    )


@contextlib.contextmanager
def _supervised(job: Job, environment: Mapping[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Start the supervisor; give it and the reading end of its report. The leash is dropped at the very end."""
    report_in, report_out = os.pipe()
    leash_in, leash_out = os.pipe()
    try:
        try:
            limits = json.dumps(_rlimits(job.limits))
            supervisor = subprocess.Popen(
                [sys.executable, "-I", str(_SUPERVISOR), str(report_out), str(leash_in), limits, *job.argv],
                cwd=job.workdir.source,
                env=environment,
                stdin=subprocess.PIPE if job.stdin or job.talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(report_out, leash_in),
                start_new_session=True,
            )
        finally:
            os.close(report_out)
            os.close(leash_in)
        with supervisor:
            try:
                yield supervisor, report_in
            finally:
                if supervisor.poll() is None:  # left by an exception
                    Tree(supervisor.pid, mark=f"{_MARK}={environment[_MARK]}").kill()
                    supervisor.kill()
    finally:
        os.close(report_in)
        os.close(leash_out)


def _environment(job: Job, home: Path, gpu: HeldGpu | None) -> Mapping[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{DEFAULT_PATH}",
        _MARK: home.name,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": str(max(1, int(job.limits.cpus))),
        **process_environment(gpu.gpu if gpu else None),
        **job.environment,
    }


def _rlimits(limits: Limits) -> dict[str, int]:
    chosen = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.disk_bytes + (1 << 20)}
    if os.getuid() != 0:  # root is above it, and it counts all that the user runs, on which ours come on top
        chosen["RLIMIT_NPROC"] = _tasks_of(os.getuid()) + limits.pids
    return chosen


def _tasks_of(uid: int) -> int:
    found = psutil.process_iter(["uids", "num_threads"])
    return sum(one.info["num_threads"] or 1 for one in found if one.info["uids"] and one.info["uids"].real == uid)
