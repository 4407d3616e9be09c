"""Stands between the process sandbox and a program, so that none of the program's descendants gets lost.

Run as ``python -I supervise.py REPORT_FD LEASH_FD LIMITS_JSON PROGRAM ARGUMENT...``. It becomes the reaper of all
descendants (Linux: PR_SET_CHILD_SUBREAPER), starts the program under rlimits in a session of its own, and writes to
REPORT_FD: ``exec ERRNO`` if the program could not be started, ``end STATUS PEAK_BYTES`` at its end. Then it waits to be
killed from outside. When the other end of LEASH_FD closes, the harness has died: it kills all descendants and goes.

It stands alone: it must not import the harness or a package, which may not be installed where it runs.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> NoReturn:
    """Start the program and stay until killed, or until the harness is gone."""
    report, leash = int(arguments[0]), int(arguments[1])
    limits: dict[str, int] = json.loads(arguments[2])
    for descriptor in (report, leash):
        os.set_inheritable(descriptor, False)
    _become_reaper()
    _prctl(_PR_SET_DUMPABLE, 0)  # so that a program of the same user cannot open our descriptors below /proc
    wake = _wake_on_child()
    program = os.fork()
    if program == 0:
        _become(list(arguments[3:]), limits=limits, report=report)
    _let_go_of_streams()
    while True:
        _reap(program, report)
        ready, _, _ = select.select([wake, leash], [], [])
        if leash in ready:
            _kill_descendants()
            os._exit(0)
        os.read(wake, 4096)


def _become_reaper() -> None:
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def _wake_on_child() -> int:
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return receiver


def _become(argv: list[str], *, limits: Mapping[str, int], report: int) -> NoReturn:
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a program that kills the supervisor goes with it
        os.setsid()  # so that a program that kills its own group does not kill the supervisor
        for name, value in limits.items():
            _lower(getattr(resource, name), value)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores both, and what is ignored stays so
            signal.signal(number, signal.SIG_DFL)
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(report, f"exec {error.errno}\n".encode())
    os._exit(127)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def _let_go_of_streams() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _reap(program: int, report: int) -> None:
    while True:
        try:
            pid, wait_status, usage = os.wait3(os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == program:
            code = os.waitstatus_to_exitcode(wait_status)
            status = 128 - code if code < 0 else code
            peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            os.write(report, f"end {status} {peak_bytes}\n".encode())


def _kill_descendants() -> None:
    """Kill the children until none is left: whose parent dies becomes our child."""
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    own = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if parent == own and state != "Z":
                found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
