"""What a student does next, after a check: a pure function of its record. Must not know where it is shown."""

import shlex

from harness.language import Message, message
from harness.model.finding import Finding, Severity
from harness.model.parity import RECEIPT
from harness.model.result import Record, StageStatus
from harness.model.status_words import ended
from harness.report.headroom import Headroom

_AGAIN = message("Then run the same command again.")
_UNTRAINED = message(
    "The adapter changes nothing: its perplexity is exactly the base model's. Train it, and put the trained adapter in "
    "its place, before you hand it in."
)


def next_steps(record: Record, *, headroom: tuple[Headroom, ...] = (), packed: bool) -> tuple[Message, ...]:
    """Say what to do after a check, the first thing first.

    Args:
        record: Of the check.
        headroom: What its stages used of their budgets.
        packed: Whether an archive was checked, which can be handed in as it is, not a folder.
    """
    if record.fault is not None:
        return (
            message(
                "The submission is not to blame: the machine could not go on. {remedy}", remedy=record.fault.remedy
            ),
            _AGAIN,
        )
    errors = tuple(one for one in record.findings if one.severity is Severity.ERROR)
    if errors:
        return (*_mend(errors), *not_looked_at(record))
    warnings = sum(one.severity is Severity.WARNING for one in record.findings)
    steps = [message("Read the warnings: they do not stop a grade, but may cost you one.")] if warnings else []
    if record.quick:
        return (*steps, *not_looked_at(record))
    tight = tuple(one.stage for one in headroom if one.tight)
    if tight:
        steps.append(
            message("Leave more room in {stages}: the grading machine may be slower, its data larger.", stages=tight)
        )
    if record.score and record.score.perplexity == record.score.base_perplexity:
        return (*steps, _UNTRAINED, _AGAIN)
    return (*steps, *_open_points(record), *_hand_in(record, packed=packed))


def not_looked_at(record: Record) -> tuple[Message, ...]:
    """Say what a quick check left out, and how to see the rest; nothing after a full one."""
    if not record.quick:
        return ()
    left_out = tuple(one.stage for one in record.stages if one.status is StageStatus.SKIPPED)
    return (message("Not looked at: {stages}; run `harness check` without --quick.", stages=left_out),)


def outcome_words(record: Record) -> Message:
    """Say how it ended, in a line that names the submission."""
    return message("{name}: {outcome}", name=record.submission.id, outcome=ended(record))


def _mend(errors: tuple[Finding, ...]) -> tuple[Message, ...]:
    first = errors[0]
    what = message("{code} ({title})", code=first.code, title=first.title)
    if first.where:
        what = message("{what} in {where}", what=what, where=first.where.words)
    steps = [message("Mend {what} first: {fix}", what=what, fix=first.fix)]
    if len(errors) == 2:
        steps.append(message("Then the other error: {code}.", code=errors[1].code))
    elif len(errors) > 2:
        rest = tuple(dict.fromkeys(one.code for one in errors[1:]))
        steps.append(message("Then the other {count} errors: {codes}.", count=len(errors) - 1, codes=rest))
    return (*steps, _AGAIN)


def _open_points(record: Record) -> tuple[Message, ...]:
    """Say that there are more points to be had, so that nobody takes a pass for full marks."""
    if record.verdict is None:
        return ()
    short = tuple(one for one in record.verdict.points if one.earned < one.possible)
    missing, possible = sum(one.possible - one.earned for one in short), record.verdict.possible
    if not short:
        return ()
    return (
        message(
            "{missing} of {possible} points are still open ({names}): if there is time, train on; if not, go on here.",
            missing=f"{missing:g}",
            possible=f"{possible:g}",
            names=tuple(one.name for one in short),
        ),
    )


def _hand_in(record: Record, *, packed: bool) -> tuple[Message, ...]:
    if any(one.code == "INT008" for one in record.findings):
        return (_upload(record),)
    receipt = message(
        "{receipt} lies there too: pack it beside run.sh if you like, and grading says what differs from this check.",
        receipt=RECEIPT,
    )
    if packed:
        return (
            message("Hand in {source} as it is, the way your course says.", source=record.submission.source),
            receipt,
        )
    command = shlex.join(["zip", "-r", f"{record.submission.id}.zip", record.submission.source])
    pack = message(
        "Pack the folder from outside, `{command}`, check the archive once more, and hand that in the way your course "
        "says.",
        command=command,
    )
    return (pack, receipt)


def _upload(record: Record) -> Message:
    """Say how a hand-in is made of what was checked with its weights: it has their link instead."""
    pack = ["python3", "submission/pack.py", "--student_id", record.submission.id, "--source", "YOUR LINK"]
    pack += ["--adapter", "ADAPTER.zip", "--output", "HAND-IN.zip"]
    return message(
        "A hand-in holds no weights: upload the adapter's zip and pack with its link, `{command}`. Check that archive "
        "once more, and hand it in the way your course says.",
        command=shlex.join(pack),
    )
