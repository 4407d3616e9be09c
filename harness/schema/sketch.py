"""Reads and writes the text of an adapter's sketch. Must not know where sketches are kept, or what the values mean."""

import json
from pathlib import Path

from harness.errors import ConfigError
from harness.model.sketch import AdapterSketch
from harness.schema.decode import decode, encode
from harness.schema.document import DocumentError, load_json
from harness.schema.validate import problems

SCHEMA = "sketch.v1"


def read_sketch(path: Path) -> AdapterSketch:
    """Read a sketch that `sketch_text` wrote.

    Raises:
        ConfigError: There is none, it is torn, or it is something else.
    """
    remedy = "Grade this submission again, or give the weights with --adapters."
    try:
        document = load_json(path.read_bytes(), str(path))
        found = problems(document, SCHEMA)
    except DocumentError as error:
        found, document = error.problems, None
    except OSError as error:
        raise ConfigError(f"The sketch {path} cannot be read: {error.strerror}.", remedy=remedy) from error
    if found or document is None:
        raise ConfigError("\n".join([f"{path} is torn or no sketch of this grader:", *map(str, found)]), remedy=remedy)
    return decode(AdapterSketch, document.data)


def sketch_text(sketch: AdapterSketch) -> str:
    """Give the JSON text of a sketch."""
    return json.dumps(encode(sketch), allow_nan=False) + "\n"
