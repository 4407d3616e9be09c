"""Reads and writes the JSON files of a run folder, each valid by its schema. Must not know where they are kept."""

import json
import re
from pathlib import Path
from typing import TypeVar

from harness.errors import ConfigError
from harness.schema.decode import decode, encode
from harness.schema.document import DocumentError, load_json
from harness.schema.problem import Problem
from harness.schema.validate import problems
from harness.schema.wordings import WORDINGS, with_messages, wordings_of

T = TypeVar("T")
_SURROGATE = re.compile("[\ud800-\udfff]")


class InvalidFileError(AssertionError):
    """The grader made a file that breaks its own schema: a bug."""


def read_written(path: Path, cls: type[T], schema: str, *, remedy: str) -> T:
    """Read a file that `written_text` gave the text of.

    Args:
        path: The file.
        cls: The dataclass that it holds.
        schema: Name of its schema.
        remedy: What to do about a file that is none.

    Raises:
        ConfigError: There is none, it is torn, or it is something else.
    """
    try:
        document = load_json(path.read_bytes(), str(path))
    except DocumentError as error:
        raise _foreign(path, error.problems, remedy) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", remedy="Give the path of a run folder."
        ) from error
    if found := problems(document, schema):
        raise _foreign(path, found, remedy)
    data = document.data
    return decode(cls, with_messages(data, data.pop(WORDINGS, {})))


def written_text(value: object, schema: str, *, name: str) -> str:
    """Give the JSON text of a dataclass, valid by its schema.

    A half of a surrogate pair, as in a file name that is no UTF-8, becomes U+FFFD: UTF-8 cannot hold it, and a record
    must not be lost for it.

    Args:
        value: The dataclass.
        schema: Name of its schema.
        name: What the value is, for the message of a bug.

    Raises:
        InvalidFileError: The value breaks the schema (a bug).
    """
    try:
        data = encode(value)
        if wordings := wordings_of(data):
            data[WORDINGS] = wordings
        text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise InvalidFileError(f"{name}: {error}") from error
    text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    if found := problems(load_json(text.encode(), name), schema):
        raise InvalidFileError("\n".join([name, *map(str, found)]))
    return text


def _foreign(path: Path, found: tuple[Problem, ...], remedy: str) -> ConfigError:
    return ConfigError("\n".join([f"{path} is torn or no file of this grader:", *map(str, found)]), remedy=remedy)
