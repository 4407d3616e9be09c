"""Times as a page shows them: all in one zone, which is named. Must not know what happened then."""

from datetime import datetime

from harness.model.zones import find_zone

UTC = "UTC"


def in_zone(text: str, zone: str) -> datetime:
    """Give a time of a record (ISO 8601 with offset) in a zone."""
    return datetime.fromisoformat(text).astimezone(find_zone(zone))


def minute(text: str, zone: str) -> str:
    """Give date, time and zone: 2026-12-30 20:00 Asia/Taipei."""
    return f"{in_zone(text, zone):%Y-%m-%d %H:%M} {zone}"


def day(text: str, zone: str) -> str:
    """Give the date alone; the zone decides which one it is."""
    return f"{in_zone(text, zone):%Y-%m-%d}" if text else ""
