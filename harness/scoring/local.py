"""A scoring worker as a process of this machine, for people who score their own adapters. Not a sandbox."""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import EnvironmentFault


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """A running worker: its replies as lines, how to send it a line, and its process id."""

    lines: IO[str]
    send: Callable[[str], None]
    pid: int


@contextmanager
def local_worker(command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Iterator[LocalWorker]:
    """Run a worker for the time of the block; at its end the worker is gone.

    Args:
        command: See `harness.scoring.client.worker_command`.
        environment: All environment variables of the process.
        log: File to which is added what the worker and its libraries write to standard error.

    Raises:
        EnvironmentFault: The process cannot be started.
    """
    with log.open("ab") as errors:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment, encoding="utf-8"
            )
        except OSError as error:
            remedy = "Check that Python can start processes here."
            raise EnvironmentFault(f"the scoring worker does not start: {error}", remedy=remedy) from error
    assert process.stdin is not None and process.stdout is not None
    requests = process.stdin

    def send(line: str) -> None:
        with suppress(BrokenPipeError):  # it died; the end of its replies tells
            requests.write(line)
            requests.flush()

    try:
        yield LocalWorker(process.stdout, send, process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):
            requests.close()
