"""Loads submission times out of a CSV file, such as a learning platform exports. Must not know what they are for."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import StringIO
from pathlib import Path

from harness.errors import ConfigError
from harness.language import NOTHING, verbatim
from harness.model.zones import TimeError, read_time
from harness.schema.assignment import read_file
from harness.schema.encoding import text_of
from harness.schema.problem import DocumentError, Problem
from harness.schema.words import seen_words

ID, TIME = "id", "submitted_at"
REMEDY = f"Write a CSV file with the columns `{ID}` and `{TIME}`; other columns are left alone."
MOST_LISTED = 20


def load_times(path: Path, *, zone: str | None) -> Mapping[str, datetime]:
    """Load the time of each submission by its id.

    Args:
        path: A CSV file in UTF-8 with commas and the columns `id` and `submitted_at` (ISO 8601).
        zone: The IANA name of the zone that times without offset are local to; None refuses them.

    Raises:
        ConfigError: It cannot be read or something in it is wrong; the message has a line for each problem.
    """
    content = read_file(path, "file of submission times", REMEDY)
    times: dict[str, datetime] = {}
    try:
        text = text_of(content.removeprefix(b"\xef\xbb\xbf"), str(path))  # spreadsheets begin a file with that mark
        found = list(_read(text, str(path), zone, times))
    except DocumentError as error:
        found = list(error.problems)
    except csv.Error as error:
        found = [
            Problem(
                str(path),
                1,
                1,
                "",
                verbatim("a CSV file"),
                verbatim(str(error)),
                verbatim("save it as CSV with commas"),
            )
        ]
    if found:
        more = [f"and {len(found) - MOST_LISTED} more"] if len(found) > MOST_LISTED else []
        lines = [f"{path} cannot be used:", *map(str, found[:MOST_LISTED]), *more]
        raise ConfigError("\n".join(lines), remedy=REMEDY)
    return times


def _read(text: str, name: str, zone: str | None, times: dict[str, datetime]) -> Iterator[Problem]:
    rows = csv.DictReader(StringIO(text, newline=""), strict=True)
    header = rows.fieldnames or []
    for column in (ID, TIME):
        if column not in header:
            seen = ", ".join(header) or "an empty file"
            yield Problem(
                name,
                1,
                1,
                "",
                verbatim(f"the column `{column}`"),
                seen_words(seen),
                verbatim("name it in the first line"),
            )
            return
    for row in rows:
        key, text = (row[ID] or "").strip(), (row[TIME] or "").strip()
        line = rows.line_num
        if not key or not text:
            lacking = TIME if key else ID
            yield Problem(
                name,
                line,
                1,
                "",
                verbatim(f"a value for `{lacking}`"),
                verbatim("none"),
                verbatim("fill it in, or remove the line"),
            )
        elif key in times:
            seen = verbatim(f"{seen_words(key)} for the second time")
            yield Problem(
                name,
                line,
                1,
                "",
                verbatim("each id once"),
                seen,
                verbatim("keep the line of the submission that counts"),
            )
        else:
            yield from _add(times, key, text, zone, Problem(name, line, 1, "", NOTHING, seen_words(text), NOTHING))


def _add(times: dict[str, datetime], key: str, text: str, zone: str | None, at: Problem) -> Iterator[Problem]:
    try:
        times[key] = read_time(text, zone)
    except TimeError as error:
        yield Problem(at.file, at.line, at.column, "", verbatim(error.expected), at.seen, verbatim(error.remedy))
