"""What a served program and a cancelled job must do in every sandbox; called by the tests of each."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import Cancelled
from harness.sandbox.interface import Job, Sandbox

MakeJob = Callable[..., Job]
ECHO = 'echo ready; echo noise >&2; while read line; do echo "$line!"; done; echo over > over'


def talk(sandbox: Sandbox, make_job: MakeJob) -> None:
    """Lines go both ways as they come, standard error is kept, the end of the block ends the program."""
    job = make_job(f"sleep 1000 & {ECHO}")
    with sandbox.serve(job) as session:
        lines = iter(session.lines)
        assert next(lines) == "ready"
        for word in ("one", "學而"):
            session.send(f"{word}\n")
            assert next(lines) == f"{word}!"
    assert job.stderr_path.read_text() == "noise\n"


def death(sandbox: Sandbox, make_job: MakeJob) -> None:
    """The lines of a program that dies end, and to send it one more is no error."""
    with sandbox.serve(make_job("read line; echo last; kill -9 $$")) as session:
        session.send("go\n")
        assert list(session.lines) == ["last"]
        assert list(session.lines) == []
        session.send("more\n")


def silence(sandbox: Sandbox, make_job: MakeJob) -> None:
    """A program that says nothing for longer than its limit counts as dead."""
    with sandbox.serve(make_job("echo one; sleep 1000", timeout_s=1)) as session:
        began = time.monotonic()
        assert list(session.lines) == ["one"]
        assert 0.9 < time.monotonic() - began < 5


def cancel(sandbox: Sandbox, make_job: MakeJob, folder: Path) -> None:
    """Jobs and sessions of other threads end at once, and nothing can be started afterwards."""
    ends: list[object] = []

    def run() -> None:
        try:
            sandbox.run(make_job("touch runs; trap '' TERM INT; sleep 1000"))
        except Cancelled:
            ends.append("cancelled")

    def serve() -> None:
        with sandbox.serve(make_job("touch serves; sleep 1000")) as session:
            ends.append(list(session.lines))

    threads = [threading.Thread(target=one) for one in (run, serve)]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + 30
    while not all((folder / name).exists() for name in ("runs", "serves")):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    began = time.monotonic()
    sandbox.cancel()
    for thread in threads:
        thread.join(20)
    assert time.monotonic() - began < 10
    assert sorted(ends, key=str) == [[], "cancelled"]
    with pytest.raises(Cancelled):
        sandbox.run(make_job("true"))
    with pytest.raises(Cancelled), sandbox.serve(make_job("true")):
        pass
