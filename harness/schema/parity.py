"""Reads and writes the receipt of a check. Expects anything of the one that a submission holds."""

from harness.model.parity import Parity
from harness.schema.decode import decode
from harness.schema.document import DocumentError, load_json
from harness.schema.problem import Problem
from harness.schema.validate import problems
from harness.schema.written import written_text

SCHEMA = "parity.v1"


def read_parity(content: bytes, name: str) -> Parity | Problem:
    """Read a receipt, or give the first thing that is wrong with it."""
    try:
        document = load_json(content, name)
    except DocumentError as error:
        return error.problems[0]
    if found := problems(document, SCHEMA):
        return found[0]
    return decode(Parity, document.data)


def parity_text(parity: Parity) -> str:
    """Give the JSON text of a receipt.

    Raises:
        InvalidFileError: It breaks the schema (a bug).
    """
    return written_text(parity, SCHEMA, name="the receipt of the check")
