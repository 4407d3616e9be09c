"""Reads and writes the text of a record. Must not know where records are kept."""

import json
import re
from pathlib import Path

from harness.errors import ConfigError
from harness.model.result import Record
from harness.schema.decode import decode, encode
from harness.schema.document import DocumentError, load_json
from harness.schema.problem import Problem
from harness.schema.validate import problems

SCHEMA = "record.v1"
_SURROGATE = re.compile("[\ud800-\udfff]")


class InvalidRecordError(AssertionError):
    """The grader made a record that breaks its own schema: a bug."""


def read_record(path: Path) -> Record:
    """Read a record that `record_text` wrote.

    Raises:
        ConfigError: There is none, it is torn, or it is something else.
    """
    try:
        document = load_json(path.read_bytes(), str(path))
    except DocumentError as error:
        raise _not_a_record(path, error.problems) from None
    except OSError as error:
        raise ConfigError(
            f"The record {path} cannot be read: {error.strerror}.", remedy="Give the path of a record.json."
        ) from error
    if found := problems(document, SCHEMA):
        raise _not_a_record(path, found)
    return decode(Record, document.data)


def _not_a_record(path: Path, found: tuple[Problem, ...]) -> ConfigError:
    return ConfigError(
        "\n".join([f"{path} is torn or no record of this grader:", *map(str, found)]),
        remedy="Remove the file and grade this submission again.",
    )


def record_text(record: Record) -> str:
    """Give the JSON text of a record, valid by its schema.

    A half of a surrogate pair, as in a file name that is no UTF-8, becomes U+FFFD: UTF-8 cannot hold it, and a record
    must not be lost for it.

    Raises:
        InvalidRecordError: The record breaks the schema (a bug).
    """
    try:
        text = json.dumps(encode(record), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise InvalidRecordError(f"{record.submission.id}: {error}") from error
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    if found := problems(load_json(text.encode(), "record.json"), SCHEMA):
        raise InvalidRecordError("\n".join(map(str, found)))
    return text
