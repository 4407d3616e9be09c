"""The late policy as one pure function. Must not read a clock: both times come in."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.model.assignment import LatePolicy

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Share of the points lost (0 to 1), and why in words."""

    share: float
    reason: str


def lateness(policy: LatePolicy | None, submitted_at: datetime | None) -> Lateness:
    """Apply the policy: each started day after deadline plus grace costs `penalty_per_day`; after `max_days`, all.

    Args:
        policy: The assignment's policy, or None where there is none.
        submitted_at: When it was handed in, with a time zone; None where that is not known.

    Raises:
        ValueError: `submitted_at` has no time zone.
    """
    if policy is None:
        return Lateness(share=0.0, reason="the assignment has no late policy")
    if submitted_at is None:
        return Lateness(share=0.0, reason="no submission time given: counted as on time")
    if submitted_at.tzinfo is None:
        raise ValueError("submitted_at needs a time zone")
    late_by = submitted_at - datetime.fromisoformat(policy.deadline)
    if late_by <= timedelta(0):
        return Lateness(share=0.0, reason="on time")
    if late_by <= timedelta(minutes=policy.grace_minutes):
        return Lateness(share=0.0, reason=f"within the grace of {policy.grace_minutes:g} minutes")
    days = math.ceil(late_by / DAY)
    if days > policy.max_days:
        return Lateness(share=1.0, reason=f"{days} days late, more than the {policy.max_days} allowed")
    share = min(1.0, days * policy.penalty_per_day)
    return Lateness(share=share, reason=f"{days} day{'s' if days > 1 else ''} late: {share:.0%} of the points")
