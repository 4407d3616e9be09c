"""Times are shown in one zone, by a table."""

import pytest

from harness.report.html.times import day, minute


@pytest.mark.parametrize(
    ("text", "zone", "shown", "date"),
    [
        ("2026-11-28T04:26:10+00:00", "Asia/Taipei", "2026-11-28 12:26 Asia/Taipei", "2026-11-28"),
        ("2026-12-30T20:00:00+08:00", "Asia/Taipei", "2026-12-30 20:00 Asia/Taipei", "2026-12-30"),
        ("2026-12-30T20:00:00+00:00", "Asia/Taipei", "2026-12-31 04:00 Asia/Taipei", "2026-12-31"),
        ("2026-12-30T02:00:00+08:00", "UTC", "2026-12-29 18:00 UTC", "2026-12-29"),
    ],
)
def test_table(text: str, zone: str, shown: str, date: str) -> None:
    assert minute(text, zone) == shown
    assert day(text, zone) == date


def test_a_run_without_records_has_no_day() -> None:
    assert day("", "Asia/Taipei") == ""
