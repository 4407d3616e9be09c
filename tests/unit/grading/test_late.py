"""The late policy, by a table."""

from datetime import datetime

import pytest

from harness.grading.late import lateness
from harness.model.assignment import LatePolicy

POLICY = LatePolicy(deadline="2026-12-31T23:59:00+08:00", grace_minutes=30, penalty_per_day=0.1, max_days=5)


@pytest.mark.parametrize(
    ("submitted_at", "share", "reason"),
    [
        ("2026-12-31T23:59:00+08:00", 0.0, "on time"),
        ("2026-12-31T15:59:00+00:00", 0.0, "on time"),
        ("2027-01-01T00:29:00+08:00", 0.0, "within the grace of 30 minutes"),
        ("2027-01-01T00:29:01+08:00", 0.1, "1 day late: 10% of the points"),
        ("2027-01-01T23:59:00+08:00", 0.1, "1 day late: 10% of the points"),
        ("2027-01-01T23:59:01+08:00", 0.2, "2 days late: 20% of the points"),
        ("2027-01-05T23:59:00+08:00", 0.5, "5 days late: 50% of the points"),
        ("2027-01-05T23:59:01+08:00", 1.0, "6 days late, more than the 5 allowed"),
    ],
)
def test_table(submitted_at: str, share: float, reason: str) -> None:
    found = lateness(POLICY, datetime.fromisoformat(submitted_at))
    assert found.share == pytest.approx(share)
    assert found.reason == reason


def test_no_policy_and_no_time_cost_nothing() -> None:
    assert lateness(None, None).share == 0.0
    assert lateness(POLICY, None).reason == "no submission time given: counted as on time"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        lateness(POLICY, datetime(2027, 1, 1))


def test_a_steep_penalty_never_costs_more_than_all() -> None:
    steep = LatePolicy(deadline=POLICY.deadline, penalty_per_day=0.4, max_days=5)
    assert lateness(steep, datetime.fromisoformat("2027-01-04T00:00:00+08:00")).share == 1.0
