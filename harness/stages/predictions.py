"""What is wrong with a predictions file, in words that help. Pure; on private data it quotes nothing of the file."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from harness.language import Message, message
from harness.model.finding import Finding, Location, finding
from harness.schema.document import Document, load_json
from harness.schema.excerpt import excerpt
from harness.schema.position import pointer_to
from harness.schema.problem import DocumentError, Problem
from harness.schema.validate import MOST_LISTED, problems
from harness.stages.context import PREDICTIONS
from harness.stages.likely_ids import likely_ids, likely_missing, likely_twice
from harness.stages.likely_shape import likely_shape
from harness.stages.likely_value import as_text, likely_value
from harness.text import visible

NAMED = 3
_LOOKED_AT = 1_000
_INDEX = re.compile(r"/\d+(?=/|\Z)")
NOT_QUOTED = message("something else (predictions on private data are shown to the staff alone)")


def check_predictions(
    content: bytes, *, wanted: list[str], quote: bool, file: str = PREDICTIONS
) -> tuple[list[Finding], int]:
    """Give the findings and the number of predictions.

    Args:
        content: The file as run.sh wrote it.
        wanted: The ids of the input, each once.
        quote: Whether findings may quote the predictions publicly: only where the input is public.
        file: What findings call the file.
    """
    # What has zero bytes is no text, and its line would show nothing.
    text = "" if b"\0" in content[:_LOOKED_AT] else content.decode("utf-8", "replace")
    try:
        document = load_json(content, file)
    except DocumentError as error:
        return [_finding("VAL001", as_text(problem), text, quote=quote) for problem in error.problems], 0
    if wrong := problems(document, "predictions.v1"):
        if quote:
            meant = tuple(likely_value(one, document.data, wanted) for one in wrong)
            folded = _fold(meant, likely_shape(document.data, wanted))
        else:
            folded = _fold_by_kind(wrong)
        return [_finding("VAL002", one, text, quote=quote) for one in folded], 0
    checks = _Ids(document, text, wanted, quote)
    return [*checks.missing(), *checks.twice(), *checks.unknown(), *checks.empty()], len(document.data)


def _finding(code: str, problem: Problem, text: str, *, quote: bool) -> Finding:
    shown = excerpt(text, problem.line, problem.column)
    if not quote:
        # Not even the place is public: the program chooses it, and could tell by it what it read.
        detail = f"{visible(str(problem))}\n{shown or ''}".rstrip("\n")
        return finding(code, NOT_QUOTED, limit=problem.expected, where=Location(path=problem.file), staff_detail=detail)
    where = Location(path=problem.file, line=problem.line, column=problem.column, pointer=problem.pointer or None)
    return finding(code, problem.seen, limit=problem.expected, fix=problem.remedy, where=where, excerpt=shown)


def _fold(wrong: tuple[Problem, ...], remedy: Message | None) -> list[Problem]:
    """Make one of all problems of one kind; it stands at the first. The likely remedy is given to the first of all.

    What only counts the problems that are not listed is said with the last.
    """
    groups: dict[tuple[str, str], list[Problem]] = {}
    listed, rest = wrong[:MOST_LISTED], wrong[MOST_LISTED:]
    for problem in listed:
        groups.setdefault((_INDEX.sub("/*", problem.pointer), problem.expected), []).append(problem)
    first, *others = (_counted(same) for same in groups.values())
    folded = [replace(first, remedy=remedy or first.remedy), *others]
    for one in rest:
        seen = message(
            "{seen}; not listed: {count} or more others", seen=folded[-1].seen, count=one.seen.values["count"]
        )
        folded[-1] = replace(folded[-1], seen=seen)
    return folded


def _fold_by_kind(wrong: tuple[Problem, ...]) -> list[Problem]:
    """Make one of all problems of one kind, in an order that tells nothing of the file."""
    groups: dict[str, list[Problem]] = {}
    for problem in sorted(wrong, key=lambda one: one.expected):
        groups.setdefault(problem.expected, []).append(problem)
    return [_counted(same) for same in groups.values()]


def _counted(same: list[Problem]) -> Problem:
    if len(same) == 1:
        return same[0]
    seen = message("{seen} (so in {count} places; the first is named)", seen=same[0].seen, count=len(same))
    return replace(same[0], seen=seen)


class _Ids:
    """Holds the rows of a valid file against the input.

    Args:
        document: The file.
        text: Its text, for excerpts.
        wanted: The ids of the input.
        quote: See `check_predictions`.
    """

    def __init__(self, document: Document, text: str, wanted: Sequence[str], quote: bool) -> None:
        self._document, self._text, self._wanted, self._quote = document, text, wanted, quote
        self._limit = message("each of the {count} ids once", count=len(wanted))
        self._given: list[str] = [row["id"] for row in document.data]
        there, known = set(self._given), set(wanted)
        self._lacking = [one for one in wanted if one not in there]
        self._other = [one for one in dict.fromkeys(self._given) if one not in known]
        self._meant = likely_ids(self._other, self._lacking) if quote else None

    def missing(self) -> list[Finding]:
        """Find ids of the input that have no row."""
        seen = message("{count} missing", count=len(self._lacking))
        fix = self._meant or likely_missing(self._lacking, self._wanted)
        return self._of("VAL003", seen, self._lacking, fix=fix)

    def twice(self) -> list[Finding]:
        """Find ids with more than one row."""
        given = self._given
        repeated = [one for one, count in Counter(given).items() if count > 1]
        at = [given.index(repeated[0], given.index(repeated[0]) + 1)] if repeated else []
        seen = message("{count} there more than once", count=len(repeated))
        return self._of("VAL004", seen, repeated, at=at, fix=likely_twice(given))

    def unknown(self) -> list[Finding]:
        """Find rows whose id is not in the input."""
        at = [self._given.index(self._other[0])] if self._other else []
        seen = message("{count} unknown", count=len(self._other))
        return self._of("VAL005", seen, self._other, at=at, fix=self._meant)

    def empty(self) -> list[Finding]:
        """Find rows without text."""
        rows: list[dict[str, str]] = self._document.data
        at = [index for index, row in enumerate(rows) if not row["output"].strip()]
        seen = message("{count} of {total} outputs are empty", count=len(at), total=len(rows))
        ids = [rows[index]["id"] for index in at]
        limit = message("some text in each `output`")
        return self._of("VAL006", seen, ids, at=at, key="output", limit=limit)

    def _of(
        self,
        code: str,
        what: Message,
        ids: list[str],
        *,
        at: Sequence[int] = (),
        key: str = "id",
        limit: Message | None = None,
        fix: Message | None = None,
    ) -> list[Finding]:
        """Give the finding about some ids, or none where there are none; the row at the first of `at` is shown."""
        if not ids:
            return []
        shown = [visible(one, 60) for one in ids[:NAMED]]
        named = message("{what}, first: {ids}", what=what, ids=(*shown, "…") if len(ids) > NAMED else tuple(shown))
        limit = limit or self._limit
        if not self._quote:
            return [finding(code, what, limit=limit, staff_detail=named)]
        where, line = self._place(pointer_to([at[0], key])) if at else (None, None)
        return [finding(code, named, limit=limit, fix=fix, where=where, excerpt=line)]

    def _place(self, pointer: str) -> tuple[Location, str | None]:
        line, column = self._document.locate(pointer)
        where = Location(path=self._document.name, line=line, column=column, pointer=pointer)
        return where, excerpt(self._text, line, column)
