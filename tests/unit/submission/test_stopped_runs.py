"""A run that replaces another may be stopped anywhere: its advice leads to the same adapter, and no file is lost."""

import os
import sys
from pathlib import Path

import pytest
from loopback import SUBMISSION, run_script


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize(("signal", "every"), [("SIGKILL", 8), ("SIGINT", 11)])
def test_a_stopped_run_loses_nothing(tiny_base: Path, tmp_path: Path, signal: str, every: int) -> None:
    script = Path(__file__).with_name("stopped_runs.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = run_script(
        sys.executable, script, SUBMISSION, tiny_base, tmp_path, signal, every, env=environment, timeout=400
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    operations, _ = ran.stdout.split()
    assert int(operations) > 20
