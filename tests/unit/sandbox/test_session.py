"""A served program and a cancelled job, as processes; tests/docker has the same with containers."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.sandbox.interface import Job
from harness.sandbox.process import ProcessSandbox
from harness.sandbox.session import Replies

from . import session_cases as cases

MakeJob = Callable[..., Job]


@pytest.mark.parametrize("case", [cases.talk, cases.death, cases.silence])
def test_session(case: Callable[..., None], make_job: MakeJob) -> None:
    case(ProcessSandbox(), make_job)
    assert not psutil.Process().children(recursive=True)


def test_cancel(make_job: MakeJob, tmp_path: Path) -> None:
    cases.cancel(ProcessSandbox(), make_job, tmp_path / "work")
    assert not psutil.Process().children(recursive=True)


def test_lines_are_whole_however_they_arrive_and_the_log_is_bounded(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "logs" / "x.log", limit_bytes=4, silence_s=0.01)
    for chunk in (b"a", b"b\nc\n", "學".encode()[:1], "學".encode()[1:], b"\n"):
        replies.write("stdout", chunk)
    replies.write("stderr", b"abc")
    replies.write("stderr", b"def")
    assert list(replies) == ["ab", "c", "學"]
    replies.close()
    replies.write("stderr", b"late")
    assert (tmp_path / "logs" / "x.log").read_bytes() == b"abcd"
