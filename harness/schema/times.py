"""Loads submission times out of a CSV file, such as a learning platform exports. Must not know what they are for."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import StringIO
from pathlib import Path

from harness.model.zones import TimeError, read_time
from harness.schema.assignment import read_file
from harness.schema.encoding import text_of
from harness.schema.problem import DocumentError, Problem
from harness.schema.table import wrong_row, wrong_table
from harness.schema.words import seen_words

ID, TIME = "id", "submitted_at"
REMEDY = f"Write a CSV file with the columns `{ID}` and `{TIME}`; other columns are left alone."


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
        found = [wrong_row(str(path), 1, "a CSV file", seen=str(error), remedy="save it as CSV with commas")]
    if found:
        raise wrong_table(path, found, remedy=REMEDY)
    return times


def _read(text: str, name: str, zone: str | None, times: dict[str, datetime]) -> Iterator[Problem]:
    rows = csv.DictReader(StringIO(text, newline=""), strict=True)
    header = rows.fieldnames or []
    for column in (ID, TIME):
        if column not in header:
            seen = ", ".join(header) or "an empty file"
            remedy = "name it in the first line"
            yield wrong_row(name, 1, f"the column `{column}`", seen=seen_words(seen), remedy=remedy)
            return
    for row in rows:
        key, text = (row[ID] or "").strip(), (row[TIME] or "").strip()
        line = rows.line_num
        if not key or not text:
            lacking = TIME if key else ID
            remedy = "fill it in, or remove the line"
            yield wrong_row(name, line, f"a value for `{lacking}`", seen="none", remedy=remedy)
        elif key in times:
            seen = f"{seen_words(key)} for the second time"
            yield wrong_row(name, line, "each id once", seen=seen, remedy="keep the line of the submission that counts")
        else:
            try:
                times[key] = read_time(text, zone)
            except TimeError as error:
                yield wrong_row(name, line, error.expected, seen=seen_words(text), remedy=error.remedy)
