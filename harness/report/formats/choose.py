"""Finds a format by its name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from harness.language import Language
from harness.model.result import Record
from harness.report.formats.github import github
from harness.report.formats.junit import junit
from harness.report.formats.sarif import sarif
from harness.schema.record import record_text


class Format(Protocol):
    """Writes a record; `prefix` is the path of the submission from the repository's root, empty where it is that."""

    def __call__(self, record: Record, *, t: Language, prefix: str = "") -> str:
        """Give the text, with a final newline."""


def _json(record: Record, *, t: Language, prefix: str = "") -> str:
    """Write the record itself: it is in no language."""
    return record_text(record)


FORMATS: Mapping[str, Format] = MappingProxyType({"json": _json, "junit": junit, "github": github, "sarif": sarif})
