"""Reads and writes the text of run.json. Must not know where it is kept."""

from pathlib import Path

from harness.model.run import Run
from harness.schema.written import read_written, written_text

SCHEMA = "run.v1"


def read_run(path: Path) -> Run:
    """Read a file that `run_text` gave the text of.

    Raises:
        ConfigError: There is none, it is torn, or it is something else.
    """
    return read_written(path, Run, SCHEMA, remedy="Give the folder of a run; if its run.json is lost, grade anew.")


def run_text(run: Run) -> str:
    """Give the JSON text of a run, valid by its schema.

    Raises:
        InvalidFileError: The run breaks the schema (a bug).
    """
    return written_text(run, SCHEMA, name="the run")
