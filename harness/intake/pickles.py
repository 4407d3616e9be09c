"""Finds pickles by their content, without loading one. A pickle is a program: whoever opens it, runs it."""

import pickletools
from collections.abc import Iterator
from pathlib import Path

from harness.intake.plain import NotPlainFile, open_plain
from harness.model.finding import Finding, Location, finding
from harness.text import visible

_READ_BYTES = 64 * 1024
_PROTOCOL = b"\x80"
_PROTOCOLS = frozenset(range(2, 6))
# Protocols 0 and 1 begin with no mark, but with a container or a class: only files with such an ending are tried.
_ENDINGS = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})
_BEGINNINGS = (b"(", b"}", b"]", b")", b"c")
_ZIP = b"PK\x03\x04"
_IN_ZIP = b"data.pkl"
_PLAUSIBLE_STEPS = 4
_SHOWN = 3


def find_pickles(root: Path) -> Iterator[Finding]:
    """Give at most one finding, INT020, which names the first pickles below `root`. Links are not followed."""
    found = []
    for path in sorted(root.rglob("*")):
        try:
            if not path.is_symlink() and path.is_file() and is_pickle(path):
                found.append(path.relative_to(root).as_posix())
        except NotPlainFile:
            continue
    if found:
        named = ", ".join(f"`{visible(path, 120)}`" for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield finding("INT020", named + more, where=Location(path=found[0]))


def is_pickle(path: Path) -> bool:
    """Tell whether a file is a pickle, or a zip with one inside, as `torch.save` writes it.

    Raises:
        NotPlainFile: It is no plain file.
        OSError: The machine cannot read it.
    """
    with open_plain(path) as file:
        start = file.read(_READ_BYTES)
        if start.startswith(_ZIP):
            file.seek(max(0, file.seek(0, 2) - _READ_BYTES))
            return _IN_ZIP in start or _IN_ZIP in file.read(_READ_BYTES)
    if start[:1] == _PROTOCOL and len(start) > 1 and start[1] in _PROTOCOLS:
        return _steps(start) > 1
    return path.suffix.lower() in _ENDINGS and start.startswith(_BEGINNINGS) and _steps(start) >= _PLAUSIBLE_STEPS


def _steps(start: bytes) -> int:
    """Count the instructions of a pickle that can be told apart in its first bytes, up to a few. Runs none."""
    steps = 0
    try:
        for _ in pickletools.genops(start):
            steps += 1
            if steps == _PLAUSIBLE_STEPS:
                break
    except (ValueError, OverflowError, LookupError):
        pass
    return steps
