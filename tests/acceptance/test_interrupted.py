"""Ended from outside, the harness leaves nothing; killed outright, nothing that the next start does not remove."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from harness.sandbox.choose import choose_sandbox
from harness.sandbox.owner import JOB_LABEL, OWNER_LABEL

pytestmark = pytest.mark.docker
WAIT = "#!/usr/bin/env bash\ntrap '' TERM INT\nsleep 1000\n"


def ours(pid: int) -> list[str]:
    """List the containers that belong to the process, by the names of their jobs."""
    with contextlib.closing(docker.from_env()) as client:
        found = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    return [one["Labels"][JOB_LABEL] for one in found if one["Labels"][OWNER_LABEL].startswith(f"{pid}:")]


def belongings() -> tuple[set[str], set[str]]:
    """Name the engine's networks and volumes."""
    with contextlib.closing(docker.from_env()) as client:
        return {one.name for one in client.networks.list()}, {one.name for one in client.volumes.list()}


def start(submission: Path, assignment: Path, base: Path, root: Path, run: Path) -> "subprocess.Popen[str]":
    """Start to grade."""
    words = [sys.executable, "-m", "harness", "grade", str(submission), "--assignment", str(assignment)]
    words += ["--base-model", str(base), "--output", str(run), "--sandbox", "docker"]
    return subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(stage: str, running: "subprocess.Popen[str]") -> None:
    """Wait until a container of the stage is there."""
    give_up = time.monotonic() + 60
    while stage not in ours(running.pid):
        assert time.monotonic() < give_up and running.poll() is None, f"no container of {stage} was started"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left(
    number: int, submission: Path, assignment: Path, base: Path, root: Path, tmp_path: Path
) -> None:
    (submission / "download.sh").write_text(WAIT)
    running = start(submission, assignment, base, root, tmp_path / "run")
    wait_for("fetch", running)
    time.sleep(1)
    running.send_signal(number)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "harness: interrupted" in said and "Traceback" not in said
    assert ours(running.pid) == []
    assert not (tmp_path / "run" / "scratch").exists() and not (tmp_path / "run" / "adapters").exists()
    assert not list((tmp_path / "run").rglob("record.json"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["fetch", "render", "run", "score"])
def test_next_start_removes_what_a_killed_one_left(
    stage: str, submission: Path, assignment: Path, base: Path, root: Path, tmp_path: Path
) -> None:
    if stage in ("fetch", "run"):
        (submission / ("download.sh" if stage == "fetch" else "run.sh")).write_text(WAIT)
    if stage == "render":
        with (submission / "submission" / "utils.py").open("a") as file:
            file.write("import time\ntime.sleep(1000)\n")
    before = belongings()
    running = start(submission, assignment, base, root, tmp_path / "run")
    wait_for(stage, running)
    running.kill()
    running.communicate()
    assert stage in ours(running.pid)
    choose_sandbox("docker", image_lock=root / "image.lock", allow_process=False).close()
    assert ours(running.pid) == []
    assert belongings() == before
    assert not list((tmp_path / "run").rglob("record.json"))
