"""A submission as it was handed in. Reads nothing."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.model.extension import Extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One hand-in.

    Attributes:
        id: The student id, or a name made from the file where none was found (`id_found` is False then).
        source: The folder, archive or git repository that was given.
        revision: What of a git repository is meant, where `source` was named as one; else None.
        submitted_at: When it was handed in, with a time zone, if known.
        extension: What the student was granted beyond the late policy.
        draft: It is a folder that its student works in and has checked: weights may lie in it. Nothing graded is one.
    """

    id: str
    source: Path
    revision: str | None = None
    id_found: bool = True
    submitted_at: datetime | None = None
    extension: Extension | None = None
    draft: bool = False
