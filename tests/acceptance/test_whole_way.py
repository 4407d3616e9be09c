"""The whole way on a CPU, as processes: train, package, download, run, score; what it takes and what it gives."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from harness.sandbox.choose import choose_sandbox
from harness.schema.record import read_record

MOST_S = 180
CLEARLY = 3.0  # of the base's perplexity is left at most a third


@pytest.mark.torch
@pytest.mark.slow
def test_the_adapter_beats_the_base_clearly_in_under_three_minutes(
    demo: ModuleType, root: Path, tmp_path: Path
) -> None:
    build = tmp_path / "demo"
    sandbox = choose_sandbox("process", image_lock=root / "image.lock", allow_process=True)
    demo.make_base(sandbox, build, Console(stderr=True))
    command = [sys.executable, str(root / "assignments" / "classical-chinese" / "demo.py"), "--build", str(build)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    started_s = time.monotonic()
    ran = subprocess.run(
        [*command, "--sandbox", "process"], env=environment, capture_output=True, text=True, check=False
    )
    took_s = time.monotonic() - started_s
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tiny base model: up to date" in ran.stdout and "reference adapter: done in" in ran.stdout
    record = read_record(build / "run" / "submissions" / demo.STUDENT / "record.json")
    assert record.outcome == "passed" and {stage.status for stage in record.stages} == {"passed"}
    assert record.score is not None and record.score.base_perplexity > CLEARLY * record.score.perplexity
    assert took_s < MOST_S, f"{took_s:.0f} s; a machine with other work on it may take longer"
