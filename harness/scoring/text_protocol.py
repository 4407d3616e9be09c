"""What travels between the stage `compare` and its process, as dataclasses and JSON. Must not need more than Python.

Host to process, on standard input:

    {"bleu_tokenize": "zh", "rows": [{"instruction", "reference", "prediction"}]}

Process to host, on standard output, one of:

    {"metrics": {fields of TextMetrics}, "chrf": [one figure a row, in the order of the rows]}
    {"missing": "which package cannot be imported"}

Texts go one way only: the answer holds figures and signatures, so no reference reaches a log.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.errors import EnvironmentFault
from harness.model.assignment import BleuTokenize
from harness.model.result import TextMetrics

INSTALL = "Build the image again, or install the extra [local] again where there is no engine."


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """One example: what the model was asked, what was expected, what it wrote."""

    instruction: str = field(repr=False)
    reference: str = field(repr=False)
    prediction: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The metrics over all rows, and chrF++ of each row in their order."""

    metrics: TextMetrics
    chrf: tuple[float, ...]


def compare_command(python: str) -> tuple[str, ...]:
    """Give the command that starts the process."""
    return (python, "-m", "harness.scoring.compare")


def encode_rows(rows: Sequence[TextRow], *, bleu_tokenize: BleuTokenize) -> bytes:
    """Give the process's whole standard input; any string can travel, even half a surrogate pair."""
    given = {"bleu_tokenize": bleu_tokenize, "rows": [asdict(row) for row in rows]}
    return json.dumps(given, ensure_ascii=False).encode("utf-8", "surrogatepass")


def decode_rows(content: bytes) -> tuple[tuple[TextRow, ...], BleuTokenize]:
    """Read what `encode_rows` wrote."""
    given = json.loads(content)
    return tuple(TextRow(**row) for row in given["rows"]), given["bleu_tokenize"]


def encode_compared(compared: Compared) -> str:
    """Give the process's standard output."""
    return json.dumps({"metrics": asdict(compared.metrics), "chrf": compared.chrf}, allow_nan=False)


def encode_missing(error: ImportError) -> str:
    """Give the standard output of a process that lacks a package."""
    return json.dumps({"missing": str(error)})


def decode_compared(content: bytes, *, rows: int) -> Compared:
    """Read the process's answer.

    Raises:
        EnvironmentFault: The process lacks a package.
        ValueError: It is no answer about so many rows.
    """
    answer = json.loads(content)
    if isinstance(answer, dict) and isinstance(answer.get("missing"), str):
        message = f"A package that the text metrics need is not installed: {answer['missing']}."
        raise EnvironmentFault(message, remedy=INSTALL)
    try:
        compared = Compared(metrics=TextMetrics(**answer["metrics"]), chrf=tuple(answer["chrf"]))
    except (TypeError, KeyError) as error:
        raise ValueError(f"not an answer of the text metrics: {error}") from error
    if len(compared.chrf) != rows or compared.metrics.examples != rows:
        raise ValueError(f"figures of {len(compared.chrf)} rows, expected {rows}")
    if not all(_is_figure(one) for one in compared.chrf):
        raise ValueError("a figure that is not a number")
    return compared


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
