"""The late policy, by tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.grading.late import deadline_of, lateness
from harness.model.assignment import LatePolicy
from harness.model.extension import Extension

POLICY = LatePolicy(
    deadline="2026-12-31T23:59:00", zone="Asia/Taipei", grace_minutes=30, penalty_per_day=0.1, max_days=5
)
OFFSET = LatePolicy(deadline="2026-12-31T23:59:00+08:00", grace_minutes=30, penalty_per_day=0.1, max_days=5)
TOKENS = replace(POLICY, tokens=2)
DUE = "deadline 2026-12-31 23:59 Asia/Taipei"


@pytest.mark.parametrize(
    ("submitted_at", "share", "words", "handed_in"),
    [
        ("2026-12-31T23:59:00+08:00", 0.0, "on time", "2026-12-31 23:59"),
        ("2026-12-31T15:59:00+00:00", 0.0, "on time", "2026-12-31 23:59"),
        ("2027-01-01T00:29:00+08:00", 0.0, "within the grace of 30 minutes", "2027-01-01 00:29"),
        ("2027-01-01T00:30:00+08:00", 0.1, "1 day late: 10% of the points", "2027-01-01 00:30"),
        ("2027-01-01T23:59:00+08:00", 0.1, "1 day late: 10% of the points", "2027-01-01 23:59"),
        ("2027-01-02T00:10:00+08:00", 0.2, "2 days late: 20% of the points", "2027-01-02 00:10"),
        ("2027-01-01T17:10:00+01:00", 0.2, "2 days late: 20% of the points", "2027-01-02 00:10"),
        ("2027-01-05T23:59:00+08:00", 0.5, "5 days late: 50% of the points", "2027-01-05 23:59"),
        ("2027-01-06T00:00:00+08:00", 1.0, "6 days late, more than the 5 allowed", "2027-01-06 00:00"),
    ],
)
def test_days_are_counted_and_both_times_said_in_the_zone(
    submitted_at: str, share: float, words: str, handed_in: str
) -> None:
    found = lateness(POLICY, datetime.fromisoformat(submitted_at))
    assert found.share == pytest.approx(share)
    assert found.reason == f"{words} (handed in {handed_in}, {DUE})"
    same = lateness(OFFSET, datetime.fromisoformat(submitted_at))
    assert same.share == found.share
    assert same.reason == found.reason.replace("Asia/Taipei", "UTC+08:00")


def test_a_second_is_shown_where_it_decides() -> None:
    found = lateness(POLICY, datetime.fromisoformat("2027-01-01T00:29:01+08:00"))
    assert found.reason == (
        "1 day late: 10% of the points (handed in 2027-01-01 00:29:01, deadline 2026-12-31 23:59:00 Asia/Taipei)"
    )
    found = lateness(POLICY, datetime.fromisoformat("2026-12-31T23:59:00.000001+08:00"))
    assert "handed in 2026-12-31 23:59:00.000001, deadline 2026-12-31 23:59:00.000000" in found.reason


@pytest.mark.parametrize(
    ("late_hours", "tokens", "share", "words"),
    [
        (1, 1, 0.0, "1 day late, 1 free by tokens (1 left): 0% of the points"),
        (24, 1, 0.0, "1 day late, 1 free by tokens (1 left): 0% of the points"),
        (25, 2, 0.0, "2 days late, 2 free by tokens (0 left): 0% of the points"),
        (49, 2, 0.1, "3 days late, 2 free by tokens (0 left): 10% of the points"),
        (120, 2, 0.3, "5 days late, 2 free by tokens (0 left): 30% of the points"),
        (121, 0, 1.0, "6 days late, more than the 5 allowed"),
        (0.4, 0, 0.0, "within the grace of 30 minutes"),
    ],
)
def test_tokens_cover_the_first_days_and_are_not_spent_in_vain(
    late_hours: float, tokens: int, share: float, words: str
) -> None:
    found = lateness(TOKENS, deadline_of(TOKENS, None) + timedelta(hours=late_hours))
    assert (found.tokens, found.share) == (tokens, pytest.approx(share))
    assert found.reason.startswith(f"{words} (handed in ")


def test_tokens_alone_where_each_further_day_costs_all() -> None:
    policy = replace(TOKENS, penalty_per_day=1.0)
    late = [lateness(policy, deadline_of(policy, None) + timedelta(hours=hours)) for hours in (48, 49)]
    assert [(one.share, one.tokens) for one in late] == [(0.0, 2), (1.0, 2)]


@pytest.mark.parametrize(
    ("extension", "share", "tokens", "words", "extended"),
    [
        ({"days": 2}, 0.0, 0, "on time", "2027-01-02 23:59 Asia/Taipei, extended from 2026-12-31 23:59"),
        ({"days": 1}, 0.1, 0, "1 day late: 10% of the points", "2027-01-01 23:59 Asia/Taipei, extended from"),
        ({"days": 0}, 0.2, 0, "2 days late: 20% of the points", "2026-12-31 23:59 Asia/Taipei)"),
        ({"until": "2027-01-02T12:00"}, 0.0, 0, "on time", "2027-01-02 12:00 Asia/Taipei, extended from"),
        ({"until": "2027-01-02T04:00:00Z"}, 0.0, 0, "on time", "2027-01-02 12:00 Asia/Taipei, extended from"),
        ({"until": "2026-12-24T12:00"}, 0.2, 0, "2 days late", "2026-12-31 23:59 Asia/Taipei)"),
        ({"tokens": 1}, 0.1, 1, "2 days late, 1 free by tokens (0 left): 10%", "2026-12-31 23:59 Asia/Taipei)"),
        ({"tokens": 0}, 0.2, 0, "2 days late: 20%", "2026-12-31 23:59 Asia/Taipei)"),
        ({"days": 1, "tokens": 5}, 0.0, 1, "1 day late, 1 free by tokens (4 left): 0%", "2027-01-01 23:59"),
    ],
)
def test_extensions(extension: dict[str, object], share: float, tokens: int, words: str, extended: str) -> None:
    granted = Extension(id="r13921031", reason="not told to the student", **extension)  # type: ignore[arg-type]
    found = lateness(POLICY, datetime.fromisoformat("2027-01-02T12:00:00+08:00"), granted)
    assert (found.share, found.tokens) == (pytest.approx(share), tokens)
    assert found.reason.startswith(words)
    assert f"deadline {extended}" in found.reason
    assert "not told" not in found.reason


@pytest.mark.parametrize(
    ("deadline", "submitted_at", "days"),
    [
        # Clocks go back in the night to 25 October: 24 hours after the deadline it is 22:59, not 23:59.
        ("2026-10-24T23:59", "2026-10-25T22:59:00+01:00", 1),
        ("2026-10-24T23:59", "2026-10-25T23:00:00+01:00", 2),
        # Clocks go forward in the night to 28 March: 24 hours after the deadline it is 00:59 of the day after.
        ("2027-03-27T23:59", "2027-03-29T00:59:00+02:00", 1),
        ("2027-03-27T23:59", "2027-03-29T01:00:00+02:00", 2),
    ],
)
def test_a_late_day_is_24_hours_also_when_the_clocks_change(deadline: str, submitted_at: str, days: int) -> None:
    policy = LatePolicy(deadline=deadline, zone="Europe/Berlin", penalty_per_day=0.1, max_days=5)
    assert lateness(policy, datetime.fromisoformat(submitted_at)).share == pytest.approx(0.1 * days)


def test_an_extension_by_days_ends_at_the_same_time_on_the_clock() -> None:
    policy = LatePolicy(deadline="2026-10-24T23:59", zone="Europe/Berlin", penalty_per_day=0.1, max_days=5)
    extended = deadline_of(policy, Extension(id="r13921031", days=1))
    assert extended.isoformat() == "2026-10-25T23:59:00+01:00"
    assert extended.astimezone(UTC) - deadline_of(policy, None).astimezone(UTC) == timedelta(hours=25)


def test_no_policy_and_no_time_cost_nothing() -> None:
    assert lateness(None, None).share == 0.0
    assert lateness(None, None).reason == "the assignment has no late policy"
    assert lateness(POLICY, None).reason == "no submission time given: counted as on time"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        lateness(POLICY, datetime(2027, 1, 1))


def test_a_steep_penalty_never_costs_more_than_all() -> None:
    steep = LatePolicy(deadline=OFFSET.deadline, penalty_per_day=0.4, max_days=5)
    assert lateness(steep, datetime.fromisoformat("2027-01-04T00:00:00+08:00")).share == 1.0


EXTENSIONS = st.none() | st.builds(
    Extension, id=st.just("r1"), days=st.none() | st.integers(0, 10), tokens=st.none() | st.integers(0, 10)
)


@given(
    st.builds(
        LatePolicy,
        deadline=st.just("2026-10-24T23:59"),
        zone=st.sampled_from(["Asia/Taipei", "Europe/Berlin", "America/St_Johns"]),
        grace_minutes=st.floats(0, 1000),
        tokens=st.integers(0, 10),
        penalty_per_day=st.floats(0, 1),
        max_days=st.integers(0, 10),
    ),
    st.datetimes(datetime(2026, 10, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=5)),
    EXTENSIONS,
)
def test_later_never_costs_less_and_an_extension_never_costs_more(
    policy: LatePolicy, first: datetime, more: timedelta, extension: Extension | None
) -> None:
    early, late = lateness(policy, first, extension), lateness(policy, first + more, extension)
    assert 0.0 <= early.share <= late.share <= 1.0
    if extension is not None and extension.tokens is None:
        assert early.share <= lateness(policy, first).share
