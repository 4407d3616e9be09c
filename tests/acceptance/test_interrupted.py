"""Ended from outside, by Ctrl-C or by SIGTERM, the harness leaves no container and no scratch folder."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from harness.sandbox.owner import OWNER_LABEL

pytestmark = pytest.mark.docker


def ours(pid: int) -> list[str]:
    """List the containers that belong to the process."""
    client = docker.from_env()
    found = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    client.close()
    return [one["Id"] for one in found if one["Labels"][OWNER_LABEL].startswith(f"{pid}:")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left(
    number: int, submission: Path, assignment: Path, base: Path, root: Path, tmp_path: Path
) -> None:
    (submission / "download.sh").write_text("#!/usr/bin/env bash\ntrap '' TERM INT\nsleep 1000\n")
    words = [sys.executable, "-m", "harness", "grade", str(submission), "--assignment", str(assignment)]
    words += ["--base-model", str(base), "--output", str(tmp_path / "run"), "--sandbox", "docker"]
    running = subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 30
    while not ours(running.pid):
        assert time.monotonic() < give_up, "no container was started"
        time.sleep(0.1)
    time.sleep(1)
    running.send_signal(number)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "harness: interrupted" in said and "Traceback" not in said
    assert ours(running.pid) == []
    assert list((tmp_path / "run" / "scratch").iterdir()) == []
    assert not list((tmp_path / "run").rglob("record.json"))
