"""The weights of an adapter that lie in the submission itself. A hand-in holds none: download.sh brings them."""

from collections.abc import Iterator
from pathlib import Path

from harness.intake.adapter.gate import SCANNED_UP_TO, WEIGHTS
from harness.intake.archive.entries import reading
from harness.intake.layout import find_root
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


def weights_apart(source: Path, rules: AdapterRules) -> Path | None:
    """Give the path from the folder `source` of weights that have the adapter's limit, which is the gate's to keep.

    None where there are none; a file so large that the gate would not read it counts like any other, too.

    Raises:
        ConfigError: The folder cannot be read.
    """
    with reading(source.name):
        path = find_root(source) / rules.path / WEIGHTS
        is_apart = path.is_file() and path.stat().st_size <= SCANNED_UP_TO * rules.max_bytes
    return path.relative_to(source) if is_apart else None
