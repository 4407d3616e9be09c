"""What the autograder's zip says of itself to the harness that runs in it: `settings.json`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from harness.errors import ConfigError
from harness.files import json_text
from harness.report.exports.gradescope import Visibility

FILE = "settings.json"
Mode = Literal["quick", "full", "results"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How submissions are looked at on Gradescope.

    Attributes:
        mode: ``quick`` runs nothing of them, ``full`` all stages as plain processes, ``results`` hands out results.
        language: What students read.
        student_id: The pattern of student ids.
        visibility: When students see the results.
        base: With ``full``, the base model's folder, relative to the zip.
        private: With ``full``, whether the private data is graded on, which the submission can then read.
        mail_domain: Where an address gives its owner's student id before the @; None believes no address.
    """

    mode: Mode
    language: str
    student_id: str
    visibility: Visibility
    base: str | None = None
    private: bool = False
    mail_domain: str | None = None

    def text(self) -> str:
        """Give the file's text."""
        return json_text(asdict(self))


def read_settings(folder: Path) -> Settings:
    """Read what `text` wrote.

    Raises:
        ConfigError: It is not there or something else.
    """
    try:
        return Settings(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{folder / FILE} cannot be read: {error}.", remedy="Build the zip again with `harness gradescope build`."
        ) from error
