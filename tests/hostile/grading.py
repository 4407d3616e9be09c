"""Grades a hand-in through the command line, in this process: as a batch would, so that leaks of memory show."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from harness.cli import cli
from harness.schema.record import read_record

_PUBLIC = ("title", "seen", "limit", "fix", "where", "summary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Where a batch is graded: what stays the same for all of its submissions."""

    sandbox: str
    assignment: Path
    base: Path
    image_lock: Path
    run_folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What grading left behind; `text` is what was printed."""

    exit_code: int
    text: str
    record: dict[str, Any]
    folder: Path
    seconds: float

    @property
    def codes(self) -> frozenset[str]:
        """All finding codes, warnings included."""
        return frozenset(found["code"] for found in self.findings())

    def findings(self) -> Iterator[dict[str, Any]]:
        """Give the findings of all stages."""
        for stage in self.record["stages"]:
            yield from stage["findings"]

    def public(self) -> str:
        """Everything of the record that a student may see, as one text."""
        shown = [[found.get(key) for key in _PUBLIC] for found in (*self.findings(), *self.record["stages"])]
        return json.dumps(shown, ensure_ascii=False)


def grade(hand_in: Path, batch: Batch, *, student_id: str) -> Graded:
    """Grade `hand_in` and read its record, which must be there and valid by its schema."""
    words = ["grade", str(hand_in), "--student-id", student_id, "--sandbox", batch.sandbox, "--i-trust-this-code"]
    words += ["--assignment", str(batch.assignment), "--base-model", str(batch.base)]
    words += ["--image-lock", str(batch.image_lock), "--output", str(batch.run_folder)]
    began = time.monotonic()
    done = CliRunner().invoke(cli, words)
    seconds = time.monotonic() - began
    folder = batch.run_folder / "submissions" / student_id
    path = folder / "record.json"
    if not path.is_file():
        raise AssertionError(f"no record of {student_id}: {done.exception!r}\n{done.output}") from done.exception
    read_record(path)
    return Graded(
        exit_code=done.exit_code,
        text=done.output,
        record=json.loads(path.read_text(encoding="utf-8")),
        folder=folder,
        seconds=seconds,
    )
