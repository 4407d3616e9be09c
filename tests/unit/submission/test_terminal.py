"""What a person sees at a terminal: a line of its own for each message, and a bar only while something goes on."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from loopback import SUBMISSION

pytestmark = [pytest.mark.torch, pytest.mark.slow]
ROWS = [{"id": str(i), "instruction": "天地玄黃"[i % 4] * (2 + i), "output": "宇宙洪荒"[i % 4] * 8} for i in range(12)]


def seen(*command: object, until: str = "") -> list[str]:
    """Run a program at a terminal, stop it by Ctrl-C where `until` has come, and give what lines showed last."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        list(map(str, command)), stderr=its, stdout=its, stdin=its, env=environment, start_new_session=True
    ) as program:
        os.close(its)
        text = ""
        while True:
            try:
                text += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
            if until and re.search(until, text):
                until = ""
                program.send_signal(signal.SIGINT)
    os.close(ours)
    # What follows a carriage return is written over what stood there.
    return [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]


def test_training_does_not_mix_lines_and_bars(tiny_base: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS), encoding="utf-8")
    train = [sys.executable, SUBMISSION / "train.py", "--base_model", tiny_base, "--train_file", rows]
    train += ["--output_dir", tmp_path / "out", "--examples_per_step", "4", "--num_epochs", "200"]
    stopped = seen(*train, until=r"\d\d/600 \[.*loss")
    assert sum(line.startswith("600 updates of 4 examples, ") for line in stopped) == 1
    assert any(line.startswith("train.py: stopped; the same command with --resume goes on from") for line in stopped)
    assert [line for line in stopped if line][-1].startswith("train.py: stopped")

    resumed = seen(*train, "--resume", until=r"[1-9]\d*/600 \[.*loss")
    assert any(line.startswith("going on after step ") and line.endswith(" of 600") for line in resumed)
    bars = [line for line in resumed if re.search(r"\d+/600 \[", line)]
    assert len(bars) == 1 and "step/s" in bars[0]
    assert [line for line in resumed if line][-1].startswith("train.py: stopped")


def test_answering_ends_its_bar_before_it_says_that_it_stopped(tiny_base: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([{"id": str(number), "instruction": "天地玄黃" * 9} for number in range(600)]))
    command = [sys.executable, SUBMISSION / "predict.py", tiny_base, tiny_base.parent / "adapter", rows]
    shown = seen(*command, tmp_path / "out.json", until=r"[1-9]\d*/600 \[.*tokens/s")
    assert [line for line in shown if line][-1].startswith("predict.py: stopped; the same command goes on from ")
    assert sum(bool(re.search(r"\d+/600 \[", line)) for line in shown) == 1
