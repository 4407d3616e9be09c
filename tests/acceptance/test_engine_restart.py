"""An engine that is restarted in the middle of a run costs nobody anything: what was under way is tried again."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.simulated import make_class

from ..docker.own_engine import OwnEngine, own_engine, why_not

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
]
IMAGE = "lora-harness:cpu"
STUDENTS = 4


@pytest.fixture(scope="module")
def own() -> Iterator[OwnEngine]:
    """An engine of our own with the whole image, which takes a minute to get there."""
    # Not below tmp_path: the path of a Unix socket has 107 bytes at most.
    with own_engine(Path(tempfile.mkdtemp(prefix="engine-"))) as engine:
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "--host", engine.url, "load", "-q"], stdin=saved.stdout, check=True)
        yield engine


def wait_for(pattern: str, log: Path, running: "subprocess.Popen[str]") -> None:
    give_up = time.monotonic() + 120
    while not log.exists() or not re.search(pattern, log.read_text()):
        assert time.monotonic() < give_up and running.poll() is None, f"no {pattern}"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nobody_fails_for_it(
    number: signal.Signals,
    own: OwnEngine,
    made: tuple[Path, Path],
    assignment: Path,
    root: Path,
    tmp_path: Path,
) -> None:
    shutil.unpack_archive(made[1], tmp_path / "unpacked")
    sources = make_class(
        tmp_path / "handed-in", tmp_path / "unpacked" / "adapter_checkpoint", students=STUDENTS, root=root
    )
    for source in sources:
        script = source / "run.sh"
        script.write_text(script.read_text().replace("python3 -", "sleep 4\npython3 -", 1))
    rules = assignment / "assignment.yaml"  # an engine without a bridge has no network for the proxy
    rules.write_text(re.sub(r"    hosts:\n(?:      .*\n)+", "    hosts: []\n", rules.read_text(encoding="utf-8")))
    run = tmp_path / "run"
    words = [sys.executable, "-m", "harness", "grade", *map(str, sources), "--assignment", str(assignment)]
    words += ["--base-model", str(made[0]), "--sandbox", "docker", "--output", str(run)]
    grading = subprocess.Popen(
        words,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DOCKER_HOST": own.url},
    )
    with contextlib.ExitStack() as stack:
        stack.callback(grading.kill)
        wait_for('"StageStarted", "submission": "[^"]+", "stage": "run"', run / "log.jsonl", grading)
        time.sleep(2)
        own.stop(number)
        time.sleep(1)
        own.start()
        said, errors = grading.communicate(timeout=300)
    assert grading.returncode == 0, errors
    assert f"{STUDENTS} passed" in said and "retries" in said
    records = [json.loads(path.read_text()) for path in (run / "submissions").glob("*/record.json")]
    assert [one["outcome"] for one in records] == ["passed"] * STUDENTS
    assert all(not stage["findings"] or stage["stage"] == "intake" for one in records for stage in one["stages"])
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert any(one["event"] == "Retrying" for one in events)
    assert sum(one["event"] == "Recorded" and one["outcome"] == "passed" for one in events) == STUDENTS
