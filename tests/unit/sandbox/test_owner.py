"""A label names one process for good."""

import os
import subprocess
import sys

import pytest

from harness.sandbox.owner import is_alive, this_host, this_owner


def test_this_process_is_alive() -> None:
    assert this_owner().startswith(f"{os.getpid()}:")
    assert this_owner() == this_owner()
    assert is_alive(this_owner())


def test_a_process_that_ended_is_not() -> None:
    child = subprocess.run(
        [sys.executable, "-c", "from harness.sandbox.owner import this_owner; print(this_owner())"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not is_alive(child.stdout.strip())


def test_a_zombie_is_not() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from harness.sandbox.owner import this_owner; print(this_owner())"],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.read().strip()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(owner)


def test_another_process_with_the_same_pid_is_another_one() -> None:
    assert not is_alive(f"{os.getpid()}:1")


@pytest.mark.parametrize("owner", ["", "me", "12", "12:", ":5", "-1:5"])
def test_what_names_nobody_is_left_alone(owner: str) -> None:
    assert is_alive(owner)


def test_host_is_steady() -> None:
    assert this_host() == this_host() != ":"
