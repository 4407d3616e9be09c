"""The late policy as one pure function. Must not read a clock: both times come in."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harness.language import NOTHING, Message, message
from harness.model.assignment import LatePolicy
from harness.model.extension import Extension
from harness.model.zones import read_time, wall_words, zone_words

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Share of the points lost (0 to 1), tokens spent, and why in words."""

    share: float
    reason: Message
    tokens: int = 0


def lateness(policy: LatePolicy | None, submitted_at: datetime | None, extension: Extension | None = None) -> Lateness:
    """Apply the policy.

    Each started 24 hours after the deadline count as a late day, once the grace is over. Late days after `max_days`
    cost all points. Else the student's tokens cover as many as they can, and each further one costs `penalty_per_day`.

    Args:
        policy: The assignment's policy, or None where there is none.
        submitted_at: When it was handed in, with a time zone; None where that is not known.
        extension: What the student was granted beyond the policy.

    Raises:
        ValueError: `submitted_at` has no time zone.
        TimeError: Deadline or extension is no time (refused when the files are loaded).
    """
    if policy is None:
        return Lateness(share=0.0, reason=message("the assignment has no late policy"))
    if submitted_at is None:
        return Lateness(share=0.0, reason=message("no submission time given: counted as on time"))
    if submitted_at.tzinfo is None:
        raise ValueError("submitted_at needs a time zone")
    deadline = deadline_of(policy, extension)
    times = _times_words(policy, submitted_at, deadline)
    # In UTC: two times of one zone would be subtracted as clocks show them, without a change of the clocks between.
    late_by = submitted_at.astimezone(UTC) - deadline.astimezone(UTC)
    if late_by <= timedelta(0):
        return Lateness(share=0.0, reason=message("on time {times}", times=times))
    if late_by <= timedelta(minutes=policy.grace_minutes):
        reason = message("within the grace of {grace:g} minutes {times}", grace=policy.grace_minutes, times=times)
        return Lateness(share=0.0, reason=reason)
    days = math.ceil(late_by / DAY)
    if days > policy.max_days:
        reason = message(
            "{days} late, more than the {most} allowed {times}", days=_days(days), most=policy.max_days, times=times
        )
        return Lateness(share=1.0, reason=reason)
    return _counted(policy, days, _allowance(policy, extension), times)


def deadline_of(policy: LatePolicy, extension: Extension | None) -> datetime:
    """Give a student's deadline; an extension never makes it earlier than everybody's.

    Raises:
        TimeError: Deadline or extension is no time.
    """
    deadline = read_time(policy.deadline, policy.zone)
    if extension is None:
        return deadline
    if extension.until is not None:
        return max(deadline, read_time(extension.until, policy.zone))
    return deadline + timedelta(days=extension.days or 0)  # on the clock of its zone


def _allowance(policy: LatePolicy, extension: Extension | None) -> int:
    return policy.tokens if extension is None or extension.tokens is None else extension.tokens


def _counted(policy: LatePolicy, days: int, allowance: int, times: Message) -> Lateness:
    tokens = min(days, allowance)
    share = min(1.0, (days - tokens) * policy.penalty_per_day)
    covered = NOTHING
    if tokens:
        covered = message(", {count} free by tokens ({left} left)", count=tokens, left=allowance - tokens)
    reason = message(
        "{days} late{covered}: {share} of the points {times}",
        days=_days(days),
        covered=covered,
        share=f"{share * 100:.4g}%",
        times=times,
    )
    return Lateness(share=share, tokens=tokens, reason=reason)


def _days(count: int) -> Message:
    return message("1 day") if count == 1 else message("{count} days", count=count)


def _times_words(policy: LatePolicy, submitted_at: datetime, deadline: datetime) -> Message:
    """Say both times in the zone of the policy."""
    first = read_time(policy.deadline, policy.zone)
    handed_in, due, due_first = wall_words(
        submitted_at.astimezone(first.tzinfo), deadline.astimezone(first.tzinfo), first
    )
    extended = message(", extended from {time}", time=due_first) if deadline > first else NOTHING
    return message(
        "(handed in {handed_in}, deadline {deadline} {zone}{extended})",
        handed_in=handed_in,
        deadline=due,
        zone=zone_words(first),
        extended=extended,
    )
