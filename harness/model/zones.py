"""Times as course staff write them: with an offset from UTC, or local to a named time zone. Must not know what for."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EXAMPLE = "2026-12-31T23:59:00+08:00"
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


class TimeError(ValueError):
    """A text is no time that can be used; the text says what is wrong, `remedy` what to write."""

    def __init__(self, expected: str, *, remedy: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.remedy = remedy


def find_zone(name: str) -> ZoneInfo:
    """Give the time zone of an IANA name such as ``Asia/Taipei``.

    Raises:
        TimeError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimeError("the IANA name of a time zone", remedy="write a name such as Asia/Taipei") from error


def read_time(text: str, zone: str | None) -> datetime:
    """Read a date and time (ISO 8601). One without offset is local to the zone; the zone is what it is shown in.

    Args:
        text: Such as ``2026-12-31T23:59:00+08:00``, or ``2026-12-31T23:59`` where there is a zone.
        zone: IANA name, or None.

    Raises:
        TimeError: It is none, lacks an offset that it needs, or has one that is not the zone's at that time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        remedy = f"check month, day, hour and offset; the form is {EXAMPLE}"
        raise TimeError("a date and time that exist", remedy=remedy) from error
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:  # an offset would carry it out of the calendar
        raise TimeError(f"a year from {_FIRST_YEAR} to {_LAST_YEAR}", remedy="check the year")
    if zone is None:
        if time.tzinfo is None:
            raise TimeError("a time with offset, or a zone", remedy=f"write it as {EXAMPLE}, or name the zone")
        return time
    where = find_zone(zone)
    return _local(time, where) if time.tzinfo is None else time.astimezone(where)


def offset_fits(text: str, zone: str) -> bool:
    """Tell whether a time that `read_time` accepts has no offset, or the one that the zone has then."""
    time = datetime.fromisoformat(text)
    return time.tzinfo is None or time.utcoffset() == time.astimezone(find_zone(zone)).utcoffset()


def _local(time: datetime, zone: ZoneInfo) -> datetime:
    """Place a wall time in a zone: one that a change of the clocks skips or repeats is refused, not guessed."""
    first, second = time.replace(tzinfo=zone), time.replace(tzinfo=zone, fold=1)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
        remedy = "write an earlier or a later time: the clocks are put forward over this one"
        raise TimeError(f"a time that exists in {zone.key}", remedy=remedy)
    if first.utcoffset() != second.utcoffset():
        remedy = f"add the offset: {first.isoformat()} or {second.isoformat()}"
        raise TimeError(f"a time that comes once in {zone.key}", remedy=remedy)
    return first


def zone_words(time: datetime) -> str:
    """Name the zone that a time is in: ``Asia/Taipei``, or ``UTC+08:00`` where it has an offset alone."""
    return time.tzinfo.key if isinstance(time.tzinfo, ZoneInfo) else str(time.tzname())


def wall_words(*times: datetime) -> tuple[str, ...]:
    """Write times as a clock on the wall shows them, to the minute, or all finer where one needs it."""
    if any(time.microsecond for time in times):
        unit = "microseconds"
    else:
        unit = "seconds" if any(time.second for time in times) else "minutes"
    return tuple(time.replace(tzinfo=None).isoformat(sep=" ", timespec=unit) for time in times)
