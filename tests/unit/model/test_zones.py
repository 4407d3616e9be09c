"""Times as people write them."""

from datetime import datetime

import pytest

from harness.model.zones import TimeError, find_zone, offset_fits, read_time, wall_words, zone_words


@pytest.mark.parametrize(
    ("text", "zone", "iso", "words"),
    [
        ("2026-12-31T23:59:00+08:00", None, "2026-12-31T23:59:00+08:00", "UTC+08:00"),
        ("2026-12-31T23:59Z", None, "2026-12-31T23:59:00+00:00", "UTC"),
        ("2026-12-31T23:59", "Asia/Taipei", "2026-12-31T23:59:00+08:00", "Asia/Taipei"),
        ("2026-12-31T15:59Z", "Asia/Taipei", "2026-12-31T23:59:00+08:00", "Asia/Taipei"),
        ("2026-07-01T12:00", "Europe/Berlin", "2026-07-01T12:00:00+02:00", "Europe/Berlin"),
        ("2026-12-01T12:00", "Europe/Berlin", "2026-12-01T12:00:00+01:00", "Europe/Berlin"),
        ("2026-10-25T02:30:00+01:00", "Europe/Berlin", "2026-10-25T02:30:00+01:00", "Europe/Berlin"),
    ],
)
def test_reads(text: str, zone: str | None, iso: str, words: str) -> None:
    time = read_time(text, zone)
    assert (time.isoformat(), zone_words(time)) == (iso, words)


@pytest.mark.parametrize("name", ["Taipei", "", "../etc/passwd", "/etc/passwd", "Asia", "x" * 300, "a\0b"])
def test_no_zone_of_that_name(name: str) -> None:
    with pytest.raises(TimeError, match="IANA name") as caught:
        find_zone(name)
    assert caught.value.remedy == "write a name such as Asia/Taipei"


def test_offsets_that_are_not_the_zones() -> None:
    assert offset_fits("2026-12-31T23:59", "Asia/Taipei")
    assert offset_fits("2026-12-31T23:59:00+08:00", "Asia/Taipei")
    assert not offset_fits("2026-12-31T23:59:00+09:00", "Asia/Taipei")
    assert not offset_fits("2026-07-01T12:00:00+01:00", "Europe/Berlin")


def test_wall_times_are_shown_as_finely_as_the_finest_needs() -> None:
    one, other = datetime(2026, 12, 31, 23, 59), datetime(2027, 1, 1, 0, 0, 1)
    assert wall_words(one, one) == ("2026-12-31 23:59", "2026-12-31 23:59")
    assert wall_words(one, other) == ("2026-12-31 23:59:00", "2027-01-01 00:00:01")
