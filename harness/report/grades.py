"""The grades of a run as CSV, a row a submission. Must not know where records are kept."""

from collections.abc import Iterable

from harness.model.result import Record
from harness.report.exports.cells import Cell, csv_text

COLUMNS = (
    "id",
    "outcome",
    "total",
    "possible",
    "late_penalty",
    "late_reason",
    "perplexity",
    "base_perplexity",
    "errors",
    "not_graded_because",
)


def grades_csv(records: Iterable[Record]) -> str:
    """Give a table with a line of headings; what is not known is empty."""
    return csv_text([COLUMNS, *map(_row, records)])


def _row(record: Record) -> tuple[Cell, ...]:
    verdict, score = record.verdict, record.score
    return (
        record.submission.id,
        record.outcome.value,
        verdict.total if verdict else None,
        verdict.possible if verdict else None,
        verdict.late_penalty if verdict else None,
        verdict.late_reason if verdict else None,
        score.perplexity if score else None,
        score.base_perplexity if score else None,
        " ".join(record.error_codes),
        record.fault.message if record.fault else None,
    )
