"""The whole command: a row for each name, as a table and as JSON, with and without an engine."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli.doctor import NAMES
from tests.unit.in_process import harness


def doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "doctor", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture
def nobody(tmp_path: Path) -> str:
    """The address of an engine that is not there."""
    return f"unix://{tmp_path}/none.sock"


def test_without_an_engine(nobody: str, tmp_path: Path) -> None:
    lock = ("--image-lock", str(tmp_path / "none.lock"))
    start = time.monotonic()
    done = doctor("--format", "json", "--require", "versions", *lock, DOCKER_HOST=nobody)
    assert time.monotonic() - start < 10
    facts = {one["name"]: one for one in json.loads(done.stdout)["facts"]}
    assert (done.returncode, tuple(facts)) == (0, NAMES)
    assert facts["engine"]["health"] == "lacking" and facts["engine"]["remedy"].startswith("Start Docker")
    assert facts["image"]["seen"] == facts["engine-disk"]["seen"] == "not looked for without an engine"
    assert facts["packages"]["seen"] == "no image lock to compare with"
    required = doctor("--require", "engine", *lock, DOCKER_HOST=nobody, COLUMNS="80")
    assert required.returncode == 4
    assert "-> Start Docker (`systemctl start docker`)" in required.stdout
    assert max(map(len, required.stdout.splitlines())) <= 80
    assert harness("doctor", "--require", "nothing").returncode == 2


def test_a_real_engine(engine: str) -> None:
    done = doctor("--format", "json", "--require", "engine")
    facts = {one["name"]: one for one in json.loads(done.stdout)["facts"]}
    assert done.returncode == 0, facts["engine"]
    product, rest = engine.split(" ", 1)
    assert facts["engine"]["seen"].startswith(f"{product} {rest.split(',')[0]}")
    assert "(API 1." in facts["engine"]["seen"] and ", cgroup v" in facts["engine"]["seen"]
