"""Validate: the predictions against the schema, then against the input's ids. Runs nothing."""

from collections import Counter
from dataclasses import replace

from harness.language import Message, message
from harness.model.finding import Finding, Location, finding
from harness.model.result import StageResult
from harness.model.submission import Submission
from harness.schema.document import load_json
from harness.schema.problem import DocumentError, Problem
from harness.schema.validate import problems
from harness.stages.context import Context, Workspace
from harness.stages.outcome import Clock, done
from harness.text import visible

NAMED = 3
NOT_QUOTED = message("something else (predictions on private data are shown to the staff alone)")


def validate(context: Context, submission: Submission, workspace: Workspace) -> StageResult:
    """Check form, ids and emptiness of the predictions."""
    clock = Clock()
    findings, count = check_predictions(
        workspace.predictions.read_bytes(),
        wanted=[example.id for example in context.examples],
        quote=context.split == "public",
    )
    summary = message("{count} of {total} predictions", count=count, total=len(context.examples))
    return done("validate", clock, findings, summary=message("not valid") if findings else summary)


def check_predictions(content: bytes, *, wanted: list[str], quote: bool) -> tuple[list[Finding], int]:
    """Give the findings and the number of predictions.

    Args:
        content: The file as run.sh wrote it.
        wanted: The ids of the input, each once.
        quote: Whether findings may quote the predictions publicly: only where the input is public.
    """
    try:
        document = load_json(content, "predictions.json")
    except DocumentError as error:
        return [_finding("VAL001", problem, quote=quote) for problem in error.problems], 0
    wrong = problems(document, "predictions.v1")
    if wrong:
        return _fold(wrong, quote=quote), 0
    rows: list[dict[str, str]] = document.data
    return _check_ids([row["id"] for row in rows], wanted, quote=quote) + _check_empty(rows, quote=quote), len(rows)


def _finding(code: str, problem: Problem, *, quote: bool) -> Finding:
    where = Location(path=problem.file, line=problem.line, column=problem.column)
    if not quote:
        return finding(code, NOT_QUOTED, limit=problem.expected, where=where, staff_detail=visible(str(problem)))
    where = replace(where, pointer=problem.pointer or None)
    return finding(code, problem.seen, limit=problem.expected, fix=problem.remedy, where=where)


def _fold(wrong: tuple[Problem, ...], *, quote: bool) -> list[Finding]:
    """Make one finding of all problems that say the same; it stands at the first of them."""
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in wrong:
        groups.setdefault((problem.expected, problem.seen, problem.remedy), []).append(problem)
    return [_finding("VAL002", same[0] if len(same) == 1 else _counted(same), quote=quote) for same in groups.values()]


def _counted(same: list[Problem]) -> Problem:
    seen = message("{seen} (so in {count} places; the first is named)", seen=same[0].seen, count=len(same))
    return replace(same[0], seen=seen)


def _check_ids(given: list[str], wanted: list[str], *, quote: bool) -> list[Finding]:
    counts, known = Counter(given), set(wanted)
    missing = [one for one in wanted if one not in counts]
    twice = [one for one, count in counts.items() if count > 1]
    unknown = [one for one in counts if one not in known]
    limit = message("each of the {count} ids once", count=len(wanted))
    return [
        _of_ids(code, words, ids, limit=limit, quote=quote)
        for code, ids, words in (
            ("VAL003", missing, message("{count} missing", count=len(missing))),
            ("VAL004", twice, message("{count} there more than once", count=len(twice))),
            ("VAL005", unknown, message("{count} unknown", count=len(unknown))),
        )
        if ids
    ]


def _check_empty(rows: list[dict[str, str]], *, quote: bool) -> list[Finding]:
    empty = [row["id"] for row in rows if not row["output"].strip()]
    if not empty:
        return []
    seen = message("{count} of {total} outputs are empty", count=len(empty), total=len(rows))
    return [_of_ids("VAL006", seen, empty, limit=message("some text in each `output`"), quote=quote)]


def _of_ids(code: str, seen: Message, ids: list[str], *, limit: Message, quote: bool) -> Finding:
    shown = [visible(one, 60) for one in ids[:NAMED]]
    named = message("{what}, first: {ids}", what=seen, ids=(*shown, "…") if len(ids) > NAMED else tuple(shown))
    return finding(code, named if quote else seen, limit=limit, staff_detail=None if quote else named)
