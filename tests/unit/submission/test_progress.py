"""What a person sees of a long run: few lines in a log, a bar at a terminal."""

import os
import pty
import re
import subprocess
import sys
import termios

import pytest
from loopback import SUBMISSION
from progress import Progress

CODE = "from progress import Progress\nwith Progress(3, verb='answered') as p:\n  for _ in range(3): p.add(7)"


def test_a_log_gets_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    with Progress(250, done=100, verb="answered") as progress:
        for _ in range(150):
            progress.add(7)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["125/250", "150/250", "175/250", "200/250", "225/250", "250/250"]
    assert re.fullmatch(r"125/250 answered  [\d,]+ tokens/s  \d+ s, about \d+ s left", lines[0])
    assert re.fullmatch(r"250/250 answered  [\d,]+ tokens/s  \d+ s, all done", lines[-1])


def test_a_terminal_gets_a_bar() -> None:
    pytest.importorskip("tqdm")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    subprocess.run([sys.executable, "-c", CODE], stderr=theirs, cwd=SUBMISSION, check=True, timeout=120)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert re.search(r"answered: 100%\|.*\| 3/3 \[.*, [\d,]+ tokens/s\]", shown)
