"""One holder at a time, among threads and processes; a holder that dies frees its GPU, however it dies."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.sandbox.gpu.lease import Lease, lease_any, lease_folder

ONE, OTHER = "GPU-11111111-1111-1111-1111-111111111111", "GPU-22222222-2222-2222-2222-222222222222"
HOLD = """
import sys, time
from pathlib import Path
from harness.sandbox.gpu.lease import lease_any
lease = lease_any([sys.argv[2]], folder=Path(sys.argv[1]), purpose="grading b12345678")
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def holder(folder: Path, uuid: str = ONE) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), uuid], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def take(folder: Path, *uuids: str, timeout_s: float = 0.0) -> Lease:
    return lease_any(uuids or (ONE,), folder=folder, purpose="test", timeout_s=timeout_s)


def test_a_second_lease_in_the_same_process_is_refused_and_the_message_names_the_holder(tmp_path: Path) -> None:
    with take(tmp_path), pytest.raises(EnvironmentFault) as caught:
        take(tmp_path)
    assert re.fullmatch(
        rf"No GPU is free: {ONE} is leased by process {os.getpid()} \(user {os.getuid()}, test\) since 20\d\d-.*\.",
        str(caught.value),
    )
    assert caught.value.remedy == "Wait until it is, end what computes there, or name another GPU."
    take(tmp_path).release()


def test_release_twice_does_not_free_somebody_else_s(tmp_path: Path) -> None:
    first = take(tmp_path)
    first.release()
    with take(tmp_path):
        first.release()
        with pytest.raises(EnvironmentFault):
            take(tmp_path)


def test_another_process_holds_it_until_kill_9(tmp_path: Path) -> None:
    with holder(tmp_path) as owner:
        with pytest.raises(EnvironmentFault, match=rf"leased by process {owner.pid} .*grading b12345678"):
            take(tmp_path)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        take(tmp_path).release()


def test_a_waiter_gets_it_when_the_owner_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as owner:
        killer = threading.Timer(0.3, owner.kill)
        killer.start()
        began = time.monotonic()
        take(tmp_path, timeout_s=10).release()
        assert 0.2 < time.monotonic() - began < 3
        killer.join()


def test_waiting_ends_at_the_timeout(tmp_path: Path) -> None:
    with take(tmp_path):
        began = time.monotonic()
        with pytest.raises(EnvironmentFault, match=r"No GPU is free within 0\.3 s"):
            take(tmp_path, timeout_s=0.3)
        assert 0.3 <= time.monotonic() - began < 2


def test_the_next_free_one_is_taken(tmp_path: Path) -> None:
    with holder(tmp_path, ONE), take(tmp_path, ONE, OTHER) as lease:
        assert lease.uuid == OTHER
        with pytest.raises(EnvironmentFault, match=rf"{ONE} is leased .*; {OTHER} is leased by process {os.getpid()}"):
            take(tmp_path, ONE, OTHER)


def test_of_many_threads_and_processes_one_at_a_time_is_inside(tmp_path: Path) -> None:
    script = """
import os, sys, threading
from pathlib import Path
from harness.sandbox.gpu.lease import lease_any
folder = Path(sys.argv[1])
def work():
    for _ in range(5):
        with lease_any([sys.argv[2]], folder=folder, purpose="race", timeout_s=30):
            os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
            (folder / "inside").unlink()
threads = [threading.Thread(target=work) for _ in range(2)]
for one in threads: one.start()
for one in threads: one.join()
"""
    command = [sys.executable, "-c", script, str(tmp_path), ONE]
    crowd = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for one in crowd:
        assert one.communicate(timeout=60)[1] == ""


def test_a_child_does_not_inherit_the_lease(tmp_path: Path) -> None:
    lease = take(tmp_path)
    with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lease.release()
        take(tmp_path).release()
        child.kill()


def test_an_objection_keeps_it_free_for_others(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=rf"No GPU is free: {ONE} is used without a lease by process 7\."):
        lease_any([ONE], folder=tmp_path, purpose="test", objection=lambda uuid: "used without a lease by process 7")
    take(tmp_path).release()


def test_no_gpu_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="No GPU is free: this machine has none"):
        lease_any([], folder=tmp_path, purpose="test")


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "uid": 0, "since": "a"}'])
def test_a_note_that_cannot_be_read_does_not_matter(tmp_path: Path, note: str) -> None:
    with take(tmp_path):
        (tmp_path / f"{ONE}.lock").write_text(note)
        with pytest.raises(EnvironmentFault, match="is leased by another process"):
            take(tmp_path)


def test_a_note_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    with take(tmp_path):
        note = {"pid": 1, "uid": 0, "since": "\x1b[2J", "purpose": "\x1b[31m"}
        (tmp_path / f"{ONE}.lock").write_text(json.dumps(note))
        with pytest.raises(EnvironmentFault) as caught:
            take(tmp_path)
        assert "\x1b" not in str(caught.value)


def test_all_users_may_take_part(tmp_path: Path) -> None:
    with take(tmp_path):
        assert stat.S_IMODE((tmp_path / f"{ONE}.lock").stat().st_mode) == 0o666
    assert [one.name for one in tmp_path.iterdir()] == [f"{ONE}.lock"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_another_user_is_kept_out_and_let_in() -> None:
    with tempfile.TemporaryDirectory() as place:  # not tmp_path, which lies in a folder of this user alone
        folder = lease_folder([shared(Path(place))])
        with take(folder):
            assert as_nobody(folder) == REFUSED
        assert as_nobody(folder) == TAKEN
        take(folder).release()
        (folder / f"{ONE}.lock").unlink()
        assert as_nobody(folder) == TAKEN
        take(folder).release()


TAKEN, REFUSED = 10, 11


def as_nobody(folder: Path) -> int:
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            take(folder)
            os._exit(TAKEN)
        except EnvironmentFault as fault:
            os._exit(REFUSED if f"leased by process {os.getppid()} (user 0, test)" in str(fault) else 12)
        finally:
            os._exit(13)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_link_in_the_place_of_a_lock_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / f"{ONE}.lock").symlink_to(target)
    with pytest.raises(EnvironmentFault, match=r"The lock of a GPU, .* cannot be opened"):
        take(tmp_path)
    assert target.read_text() == "kept"


def shared(folder: Path) -> Path:
    folder.chmod(0o1777)
    return folder


def test_the_folder_is_the_first_that_everybody_may_use(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    (tmp_path / "ours").mkdir()
    shared(tmp_path / "ours")
    found = lease_folder([tmp_path / "missing", tmp_path / "mine", tmp_path / "ours"])
    assert found == tmp_path / "ours" / "lora-harness-gpu"
    assert stat.S_IMODE(found.stat().st_mode) == 0o1777
    assert lease_folder([tmp_path / "ours"]) == found


def test_no_folder_for_everybody_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="GPU leases need a folder that all users share") as caught:
        lease_folder([tmp_path])
    assert caught.value.remedy == "chmod 1777 /tmp"


def test_a_folder_that_somebody_made_for_himself_is_told(tmp_path: Path) -> None:
    (shared(tmp_path) / "lora-harness-gpu").mkdir(mode=0o700)
    with pytest.raises(EnvironmentFault, match="cannot be used by all users") as caught:
        lease_folder([tmp_path])
    assert caught.value.remedy == f"chmod 1777 {tmp_path / 'lora-harness-gpu'}"


def test_this_machine_has_a_folder() -> None:
    assert lease_folder().name == "lora-harness-gpu"
