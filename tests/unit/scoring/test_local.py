import os
import sys
import time
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.scoring.local import local_worker


def test_lines_go_both_ways_and_chatter_goes_to_the_log(tmp_path: Path) -> None:
    code = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True); print('noise', file=sys.stderr)"
    log = tmp_path / "log"
    with local_worker([sys.executable, "-c", code], environment=os.environ, log=log) as worker:
        worker.send("之a\n")
        assert worker.lines.readline() == "之A\n"
        worker.send("b\n")
        assert worker.lines.readline() == "B\n"
    assert "noise" in log.read_text()


def test_a_dead_worker_is_the_end_of_its_lines(tmp_path: Path) -> None:
    with local_worker([sys.executable, "-c", "pass"], environment=os.environ, log=tmp_path / "log") as worker:
        assert list(worker.lines) == []
        worker.send("x" * 200_000 + "\n")


def test_a_worker_that_hangs_is_gone_after_the_block(tmp_path: Path) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    start = time.monotonic()
    with local_worker([sys.executable, "-c", code], environment=os.environ, log=tmp_path / "log") as worker:
        pid = int(worker.lines.readline())
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(EnvironmentFault, match=r"the scoring worker does not start: .*nowhere"),
        local_worker([str(tmp_path / "nowhere")], environment=os.environ, log=tmp_path / "log"),
    ):
        pass
