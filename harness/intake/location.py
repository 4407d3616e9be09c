"""Reads how a submission is named: a path, or a `file://` URL of a git repository and a revision of it.

Looks whether the revision is there, so that a slip ends the command at once; opens nothing else.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.errors import ConfigError
from harness.intake.git.refs import require_revision
from harness.intake.git.store import HEAD

# `Path` makes one slash of two.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/")
_REVISION = re.compile(r"(?!-)(?!.*\.\.)[A-Za-z0-9._/@+-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLocation:
    """Where a submission lies; `revision` is set where it is named as a git repository."""

    path: Path
    revision: str | None


def read_location(source: Path) -> SourceLocation:
    """Read a path as it is, or `file:///PATH` with or without `#REVISION`.

    Raises:
        ConfigError: A URL of another kind, or a revision that is no name or not there.
    """
    text = str(source)
    url = _URL.match(text)
    if url is None or source.exists():
        return SourceLocation(path=source, revision=None)
    if url["scheme"].lower() != "file":
        raise ConfigError(
            f"{text} is a URL, and submissions are not fetched.",
            remedy="Fetch it, and give the path; for a git repository on this machine, file:///PATH#REVISION.",
        )
    parts = urlsplit(text)
    revision = unquote(parts.fragment) or HEAD
    if not _REVISION.fullmatch(revision):
        raise ConfigError(f"{revision!r} is no name of a revision.", remedy="Name a branch, a tag or an object name.")
    path = Path(unquote(parts.path))
    require_revision(path, revision)
    return SourceLocation(path=path, revision=revision)
