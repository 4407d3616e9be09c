"""The whole command line without the cost of a process: one that only says something spends its time on imports.

Exit codes, messages and files are the command's own; `tests/unit/cli/test_main.py` has what only a process shows.
"""

import io
import os
import signal
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from harness.cli import main


def harness(*words: str | Path, cwd: Path | None = None, **environment: str) -> CompletedProcess[str]:
    """Run `harness WORDS` in a folder with an environment, and give what it printed and its exit code."""
    arguments = ["harness", *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    kept = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with (
            patch.object(sys, "argv", arguments),
            patch.dict(os.environ, environment),
            chdir(cwd or Path.cwd()),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main()
    except SystemExit as ended:
        return CompletedProcess(arguments, int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
