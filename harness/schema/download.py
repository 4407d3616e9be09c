"""Reads and writes the text of a recorded download. Must not know where recordings are kept."""

import json

from harness.model.download import Recording
from harness.schema.decode import decode, encode
from harness.schema.document import DocumentError, load_json
from harness.schema.validate import problems

SCHEMA = "download.v1"


class NotARecording(Exception):
    """The text is torn or something else; the message says what is wrong with it."""


def read_recording(content: bytes, name: str) -> Recording:
    """Read what `recording_text` wrote.

    Args:
        content: The bytes of the file.
        name: The file as the reader knows it.

    Raises:
        NotARecording: It is none.
    """
    try:
        document = load_json(content, name)
        found = problems(document, SCHEMA)
    except DocumentError as error:
        found = error.problems
    if found:
        raise NotARecording(str(found[0]))
    return decode(Recording, document.data)


def recording_text(recording: Recording) -> str:
    """Give the JSON text of a recording."""
    return json.dumps(encode(recording), ensure_ascii=True, indent=1, allow_nan=False) + "\n"
