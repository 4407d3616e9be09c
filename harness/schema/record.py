"""Reads and writes the text of a record. Must not know where records are kept."""

from pathlib import Path

from harness.model.result import Record
from harness.schema.written import read_written, written_text

SCHEMA = "record.v1"


def read_record(path: Path) -> Record:
    """Read a record that `record_text` wrote.

    Raises:
        ConfigError: There is none, it is torn, or it is something else.
    """
    return read_written(path, Record, SCHEMA, remedy="Remove the file and grade this submission again.")


def record_text(record: Record) -> str:
    """Give the JSON text of a record, valid by its schema.

    Raises:
        InvalidFileError: The record breaks the schema (a bug).
    """
    return written_text(record, SCHEMA, name=f"the record of {record.submission.id}")
