"""What differs between a student's check and this grading, as notes. Pure; never an error, never points.

A receipt is the student's own word: it explains a surprise ("it passed at home"), and proves nothing.
"""

from collections.abc import Iterator, Mapping

from harness.language import NOTHING, Message, clauses, message, some, verbatim
from harness.model.finding import Finding, finding
from harness.model.parity import Parity, ParityFile
from harness.model.result import Outcome, Record, StageResult, StageStatus
from harness.model.status_words import STATUS_WORDS

SLOWER = 2.0
LEAST_MORE_S = 10.0
HUNGRIER = 2.0
LEAST_MORE_BYTES = 256_000_000
SAME_SCORE = 0.01
NAMED = 3
DIGITS = 12
_TIMED = ("fetch", "render", "run")
_WORDS = {
    Outcome.PASSED: message("passed"),
    Outcome.FAILED: message("found errors"),
    Outcome.NOT_GRADED: message("was not finished"),
}


def differences(receipt: Parity, record: Record, *, files: tuple[ParityFile, ...]) -> tuple[Finding, ...]:
    """Compare a check with a grading.

    Args:
        receipt: What the check said, valid by its schema and no more.
        record: The grading.
        files: The files that were handed in, or none where that is not known.

    Returns:
        Notes PAR002 to PAR007, none where nothing differs.
    """
    if record.fault is not None:
        return ()
    found = (
        *_adapter(receipt, record),
        *_files(receipt, record, files),
        *_image(receipt, record),
        *_assignment(receipt, record),
        *_use(receipt, record),
        *_result(receipt, record),
    )
    return found


def _adapter(receipt: Parity, record: Record) -> Iterator[Finding]:
    before, now = receipt.adapter_sha256, record.submission.adapter_sha256
    if before == now:
        return
    if now is None:
        yield finding(
            "PAR002", message("Your check used an adapter ({adapter}); here none was admitted.", adapter=_short(before))
        )
    elif before is None:
        yield finding(
            "PAR002",
            message(
                "Your check had no adapter that was admitted; download.sh now brought {adapter}.", adapter=_short(now)
            ),
        )
    else:
        seen = message(
            "Your check used another adapter ({before}) than the one download.sh brought now ({now}).",
            before=_short(before),
            now=_short(now),
        )
        yield finding("PAR002", seen)


def _files(receipt: Parity, record: Record, files: tuple[ParityFile, ...]) -> Iterator[Finding]:
    if receipt.tree_sha256 == record.submission.tree_sha256:
        return
    if not receipt.files or not files:
        yield finding(
            "PAR003", message("The files that were handed in are not those of your check; which differ is not known.")
        )
        return
    before, now = {one.path: one for one in receipt.files}, {one.path: one for one in files}
    both = [path for path in before if path in now]
    parts = [
        _listed(message("changed"), [path for path in both if before[path].sha256 != now[path].sha256]),
        _listed(message("only the x-bit differs"), [path for path in both if _only_kind(before[path], now[path])]),
        _listed(message("new"), [path for path in now if path not in before]),
        _listed(message("not handed in"), [path for path in before if path not in now]),
    ]
    said = [part for part in parts if part] or [message("something that its list of files does not show")]
    yield finding("PAR003", message("Since your check: {changes}.", changes=clauses(*said)))


def _only_kind(one: ParityFile, other: ParityFile) -> bool:
    return one.sha256 == other.sha256 and one.kind != other.kind


def _listed(what: Message, paths: list[str]) -> Message:
    if not paths:
        return NOTHING
    named = some([f"`{path}`" for path in paths], NAMED)
    return message("{count} {what} ({files})", count=len(paths), what=what, files=named)


def _image(receipt: Parity, record: Record) -> Iterator[Finding]:
    if receipt.image_id == record.image_id:
        return
    before, now = (_image_words(one) for one in (receipt.image_id, record.image_id))
    yield finding("PAR004", message("Your check ran in {before}; this ran in {now}.", before=before, now=now))


def _image_words(image_id: str | None) -> Message:
    if not image_id:
        return message("no container")
    return message("the image {image}", image=image_id.removeprefix("sha256:")[:DIGITS])


def _assignment(receipt: Parity, record: Record) -> Iterator[Finding]:
    if receipt.assignment != record.assignment.name:
        yield finding(
            "PAR005",
            message("Your check was of `{assignment}`.", assignment=receipt.assignment),
            limit=verbatim(f"`{record.assignment.name}`"),
        )
        return
    if receipt.base_model != record.assignment.base_model:
        seen = message("Your check was on the base model `{base_model}`.", base_model=receipt.base_model)
        yield finding("PAR005", seen, limit=verbatim(f"`{record.assignment.base_model}`"))
    if receipt.assignment_sha256 != record.assignment.sha256:
        yield finding(
            "PAR005", message("The assignment's file was another one in your check: its rules may have changed since.")
        )


def _use(receipt: Parity, record: Record) -> Iterator[Finding]:
    before = {one.stage: one for one in receipt.stages}
    examples = _examples(receipt, record)
    for stage in record.stages:
        known = before.get(stage.stage)
        if known is None or stage.stage not in _TIMED or known.status != "passed":
            continue
        if stage.duration_s > SLOWER * known.duration_s and stage.duration_s - known.duration_s > LEAST_MORE_S:
            ratio = stage.duration_s / max(known.duration_s, 0.1)
            limit = message("{limit_s:g} s", limit_s=stage.budget_s) if stage.budget_s else NOTHING
            yield finding(
                "PAR006",
                message(
                    "{stage} took {ratio:.1f}x as long as in your check ({before:.0f} s, now {now:.0f} s{examples}).",
                    stage=stage.stage,
                    ratio=ratio,
                    before=known.duration_s,
                    now=stage.duration_s,
                    examples=examples,
                ),
                limit=limit,
            )
        for what, old, new in (
            (message("memory"), known.peak_memory_bytes, _peak(stage, "peak_memory_bytes")),
            (message("GPU memory"), known.peak_vram_bytes, _peak(stage, "peak_vram_bytes")),
        ):
            if old and new and new > HUNGRIER * old and new - old > LEAST_MORE_BYTES:
                yield finding(
                    "PAR006",
                    message(
                        "{stage} used {ratio:.1f}x the {what} of your check ({before:.0f} MB, now {now:.0f} "
                        "MB{examples}).",
                        stage=stage.stage,
                        ratio=new / old,
                        what=what,
                        before=old / 1e6,
                        now=new / 1e6,
                        examples=examples,
                    ),
                )


def _peak(stage: StageResult, name: str) -> int | None:
    peak: int | None = getattr(stage.receipt, name, None)
    return peak


def _examples(receipt: Parity, record: Record) -> Message:
    now = record.score.examples if record.score else None
    if receipt.examples is None or now is None or receipt.examples == now:
        return NOTHING
    return message("; {before} examples then, {now} now", before=receipt.examples, now=now)


def _result(receipt: Parity, record: Record) -> Iterator[Finding]:
    if receipt.outcome != record.outcome:
        before, now = _WORDS[receipt.outcome], _WORDS[record.outcome]
        stages = _stages(receipt, record)
        seen = message("Your check {before}; this grading {now}{stages}.", before=before, now=now, stages=stages)
        yield finding("PAR007", seen)
    elif receipt.data_sha256 == record.assignment.data_sha256 and receipt.perplexity and record.score:
        old, new = receipt.perplexity, record.score.perplexity
        if abs(new - old) > SAME_SCORE * old:
            yield finding(
                "PAR007",
                message(
                    "The perplexity on the same data was {before:.3f} in your check and is {now:.3f}.",
                    before=old,
                    now=new,
                ),
            )


def _stages(receipt: Parity, record: Record) -> Message:
    before: Mapping[str, str] = {one.stage: one.status for one in receipt.stages}
    other = [
        message(
            "{stage} {before}, now {now}",
            stage=one.stage,
            before=STATUS_WORDS[StageStatus(before[one.stage])],
            now=STATUS_WORDS[one.status],
        )
        for one in record.stages
        if before.get(one.stage, one.status) != one.status
    ]
    return message(" ({stages})", stages=clauses(*other[:NAMED])) if other else NOTHING


def _short(sha256: str | None) -> str:
    return f"SHA-256 {sha256[:DIGITS]}…" if sha256 else ""
