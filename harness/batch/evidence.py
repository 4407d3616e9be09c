"""What was kept beside a record, read for reports: scores, predictions, logs. Decides nothing about who may see it."""

import json
from pathlib import Path

from harness.batch.kept import Trusted
from harness.files import NotPlain, read_untrusted
from harness.model.assignment import Example
from harness.report.html.logs import HEAD_BYTES, TAIL_BYTES, Log, shown_log
from harness.report.html.student import Evidence
from harness.schema.document import DocumentError, load_json
from harness.stages.context import PREDICTIONS

COMPARE = "evidence/compare.json"
MOST_PREDICTION_BYTES = 20_000_000


def read_evidence(trusted: Trusted, examples: tuple[Example, ...]) -> Evidence:
    """Read what a student's page shows; what the record does not vouch for is left alone.

    Args:
        trusted: A submission whose evidence is whole.
        examples: The test set with references, or none.
    """
    kept = {one.path for one in trusted.record.evidence}
    predictions = read_predictions(trusted.folder) if PREDICTIONS in kept else {}
    logs = [name for name in sorted(kept) if name.startswith("logs/")]
    if predictions is None:
        logs.insert(0, PREDICTIONS)
    return Evidence(
        base=trusted.scored.base if trusted.scored else (),
        adapter=trusted.scored.adapter if trusted.scored else (),
        dropped=trusted.dropped,
        examples=examples,
        predictions=predictions or {},
        chrf=_chrf(trusted.folder / COMPARE) if COMPARE in kept else {},
        logs=tuple(read_log(trusted.folder, name) for name in logs),
    )


def read_predictions(folder: Path) -> dict[str, str] | None:
    """Read the outputs by id; None where they are no list of ids and outputs."""
    try:
        content = read_untrusted(folder, PREDICTIONS, max_bytes=MOST_PREDICTION_BYTES)
        rows = load_json(content, PREDICTIONS).data
    except (NotPlain, DocumentError):
        return None
    if not isinstance(rows, list):
        return None
    found: dict[str, str] = {}
    for row in rows:
        match row:
            case {"id": str(one), "output": str(output)}:
                found.setdefault(one, output)
            case _:
                return None
    return found


def read_log(folder: Path, name: str) -> Log:
    """Read the beginning and the end of a log, all of a short one."""
    with (folder / name).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size <= HEAD_BYTES + TAIL_BYTES:
            return shown_log(name, size_bytes=size, head=file.read(), tail=b"")
        head = file.read(HEAD_BYTES)
        file.seek(size - TAIL_BYTES)
        return shown_log(name, size_bytes=size, head=head, tail=file.read(TAIL_BYTES))


def _chrf(path: Path) -> dict[str, float]:
    rows = json.loads(path.read_text(encoding="utf-8"))["examples"]
    return {row["id"]: row["chrf"] for row in rows}
