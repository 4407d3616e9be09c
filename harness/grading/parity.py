"""What differs between a student's check and this grading, as notes. Pure; never an error, never points.

A receipt is the student's own word: it explains a surprise ("it passed at home"), and proves nothing.
"""

from collections.abc import Iterator, Mapping

from harness.model.finding import Finding, finding
from harness.model.parity import Parity, ParityFile
from harness.model.result import Outcome, Record, StageResult

SLOWER = 2.0
LEAST_MORE_S = 10.0
HUNGRIER = 2.0
LEAST_MORE_BYTES = 256_000_000
SAME_SCORE = 0.01
NAMED = 3
DIGITS = 12
_TIMED = ("fetch", "render", "run")
_WORDS = {Outcome.PASSED: "passed", Outcome.FAILED: "found errors", Outcome.NOT_GRADED: "was not finished"}


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
        yield finding("PAR002", f"Your check used an adapter ({_short(before)}); here none was admitted.")
    elif before is None:
        yield finding("PAR002", f"Your check had no adapter that was admitted; download.sh now brought {_short(now)}.")
    else:
        seen = (
            f"Your check used another adapter ({_short(before)}) than the one download.sh brought now ({_short(now)})."
        )
        yield finding("PAR002", seen)


def _files(receipt: Parity, record: Record, files: tuple[ParityFile, ...]) -> Iterator[Finding]:
    if receipt.tree_sha256 == record.submission.tree_sha256:
        return
    if not receipt.files or not files:
        yield finding("PAR003", "The files that were handed in are not those of your check; which differ is not known.")
        return
    before, now = {one.path: one for one in receipt.files}, {one.path: one for one in files}
    both = [path for path in before if path in now]
    parts = [
        _listed("changed", [path for path in both if before[path].sha256 != now[path].sha256]),
        _listed("only the x-bit differs", [path for path in both if _only_kind(before[path], now[path])]),
        _listed("new", [path for path in now if path not in before]),
        _listed("not handed in", [path for path in before if path not in now]),
    ]
    said = "; ".join(part for part in parts if part)
    yield finding("PAR003", f"Since your check: {said or 'something that its list of files does not show'}.")


def _only_kind(one: ParityFile, other: ParityFile) -> bool:
    return one.sha256 == other.sha256 and one.kind != other.kind


def _listed(what: str, paths: list[str]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return f"{len(paths)} {what} ({', '.join(f'`{path}`' for path in paths[:NAMED])}{more})"


def _image(receipt: Parity, record: Record) -> Iterator[Finding]:
    if receipt.image_id == record.image_id:
        return
    before, now = (_image_words(one) for one in (receipt.image_id, record.image_id))
    yield finding("PAR004", f"Your check ran in {before}; this ran in {now}.")


def _image_words(image_id: str | None) -> str:
    return f"the image {image_id.removeprefix('sha256:')[:DIGITS]}" if image_id else "no container"


def _assignment(receipt: Parity, record: Record) -> Iterator[Finding]:
    if receipt.assignment != record.assignment.name:
        yield finding("PAR005", f"Your check was of `{receipt.assignment}`.", limit=f"`{record.assignment.name}`")
        return
    if receipt.base_model != record.assignment.base_model:
        seen = f"Your check was on the base model `{receipt.base_model}`."
        yield finding("PAR005", seen, limit=f"`{record.assignment.base_model}`")
    if receipt.assignment_sha256 != record.assignment.sha256:
        yield finding(
            "PAR005", "The assignment's file was another one in your check: its rules may have changed since."
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
            times = f"{known.duration_s:.0f} s, now {stage.duration_s:.0f} s{examples}"
            limit = f"{stage.budget_s:g} s" if stage.budget_s else ""
            yield finding("PAR006", f"{stage.stage} took {ratio:.1f}x as long as in your check ({times}).", limit=limit)
        for what, old, new in (
            ("memory", known.peak_memory_bytes, _peak(stage, "peak_memory_bytes")),
            ("GPU memory", known.peak_vram_bytes, _peak(stage, "peak_vram_bytes")),
        ):
            if old and new and new > HUNGRIER * old and new - old > LEAST_MORE_BYTES:
                sizes = f"{old / 1e6:.0f} MB, now {new / 1e6:.0f} MB{examples}"
                yield finding("PAR006", f"{stage.stage} used {new / old:.1f}x the {what} of your check ({sizes}).")


def _peak(stage: StageResult, name: str) -> int | None:
    peak: int | None = getattr(stage.receipt, name, None)
    return peak


def _examples(receipt: Parity, record: Record) -> str:
    now = record.score.examples if record.score else None
    if receipt.examples is None or now is None or receipt.examples == now:
        return ""
    return f"; {receipt.examples} examples then, {now} now"


def _result(receipt: Parity, record: Record) -> Iterator[Finding]:
    if receipt.outcome != record.outcome:
        seen = f"Your check {_WORDS[receipt.outcome]}; this grading {_WORDS[record.outcome]}"
        yield finding("PAR007", f"{seen}{_stages(receipt, record)}.")
    elif receipt.data_sha256 == record.assignment.data_sha256 and receipt.perplexity and record.score:
        before, now = receipt.perplexity, record.score.perplexity
        if abs(now - before) > SAME_SCORE * before:
            yield finding("PAR007", f"The perplexity on the same data was {before:.3f} in your check and is {now:.3f}.")


def _stages(receipt: Parity, record: Record) -> str:
    before: Mapping[str, str] = {one.stage: one.status for one in receipt.stages}
    other = [
        f"{one.stage} {before[one.stage]}, now {one.status}"
        for one in record.stages
        if before.get(one.stage, one.status) != one.status
    ]
    return f" ({'; '.join(other[:NAMED])})" if other else ""


def _short(sha256: str | None) -> str:
    return f"SHA-256 {sha256[:DIGITS]}…" if sha256 else "none"
