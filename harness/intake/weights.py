"""The weights of an adapter that lie in the submission itself. A hand-in holds none: download.sh brings them."""

from collections.abc import Iterator
from pathlib import Path

from harness.intake.adapter.gate import WEIGHTS
from harness.language import message, some
from harness.model.assignment import AdapterRules
from harness.model.finding import Finding, Location, finding
from harness.text import visible


def find_weights(root: Path, rules: AdapterRules) -> Iterator[Finding]:
    """Give at most one finding, INT008, where weights lie below `root` before download.sh has run."""
    path = root / rules.path / WEIGHTS
    if path.is_file():
        name = path.relative_to(root).as_posix()
        yield finding(
            "INT008",
            some([f"`{visible(name, 120)}` ({path.stat().st_size / 1e6:.1f} MB)"]),
            limit=message("no weights: download.sh fetches them"),
            where=Location(path=name),
        )
