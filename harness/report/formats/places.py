"""Where in a repository a finding stands, and its words on plain lines. Knows no format."""

import posixpath
import re
from pathlib import PurePosixPath

from harness.language import Language
from harness.model.finding import Finding
from harness.text import visible

# XML 1.0 allows no other characters, and no format gains by them. (https://www.w3.org/TR/xml/#charsets)
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SHOWN = 10_000


def clean(text: str) -> str:
    """Write what no format can hold as escapes; lines stay."""
    lines = "\n".join(visible(line, _SHOWN) for line in text.split("\n"))
    return _FORBIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), lines)


def file_of(finding: Finding, prefix: str) -> str | None:
    """Give the path of the finding's file from the repository's root, or None where it has none, or lies outside.

    Args:
        finding: Its path is from the submission's root.
        prefix: Path of the submission from the repository's root; empty where that is the same.
    """
    if finding.where is None:
        return None
    path = posixpath.normpath(PurePosixPath(prefix) / finding.where.path.lstrip("/"))
    return None if path.startswith("../") else clean(path)


def words_of(finding: Finding, t: Language) -> str:
    """Say what was seen, what the limit is, what to do: a line each; nothing that is for the staff alone."""
    lines = [t.of(finding.seen)]
    if finding.limit:
        lines.append(t("Limit: {limit}", limit=finding.limit))
    if finding.where and finding.where.pointer:
        lines.append(t("Place: {pointer}", pointer=finding.where.pointer))
    lines.append(t("What to do: {fix}", fix=finding.fix))
    return clean("\n".join(lines))
