"""Finds pickles by their content, without loading one. A pickle is a program: whoever opens it, runs it."""

import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.intake.archive.entries import BadArchive
from harness.intake.archive.zip import names_in_zip
from harness.intake.plain import NotPlainFile, open_plain
from harness.language import some
from harness.model.finding import Finding, Location, finding
from harness.text import visible

_READ_BYTES = 64 * 1024
_PROTOCOL = b"\x80"
_PROTOCOLS = frozenset(range(2, 6))
_FRAME = b"\x95"  # what pickle writes behind protocol 4 and 5
# Protocols 0 and 1 begin with no mark, but with a container or a class: only files with such an ending are tried.
_ENDINGS = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})
_BEGINNINGS = (b"(", b"}", b"]", b")", b"c")
_ZIP = b"PK\x03\x04"
_IN_ZIP = "/data.pkl"
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
        named = some([f"`{visible(path, 120)}`" for path in found], _SHOWN)
        yield finding("INT020", named, where=Location(path=found[0]))


def is_pickle(path: Path) -> bool:
    """Tell whether a file is a pickle, or a zip with one inside, as `torch.save` writes it.

    Raises:
        NotPlainFile: It is no plain file.
        OSError: The machine cannot read it.
    """
    with open_plain(path) as file:
        start = file.read(_READ_BYTES)
        if start.startswith(_ZIP):
            return _is_torch_zip(file)
    if start[:1] == _PROTOCOL and len(start) > 1 and start[1] in _PROTOCOLS:
        return start[2:3] == _FRAME or _is_program(start)
    return path.suffix.lower() in _ENDINGS and start.startswith(_BEGINNINGS) and _is_program(start)


def _is_torch_zip(file: IO[bytes]) -> bool:
    """Tell whether a zip is laid out as `torch.save` does it: `NAME/data.pkl`, and tensors or a version beside it."""
    try:
        names = frozenset(names_in_zip(file))
    except BadArchive:
        return False
    above = [name.removesuffix(_IN_ZIP) for name in names if name.endswith(_IN_ZIP)]
    return any(f"{one}/version" in names or any(name.startswith(f"{one}/data/") for name in names) for one in above[:3])


def _is_program(start: bytes) -> bool:
    """Tell whether these bytes begin a pickle: instructions that find on the stack what they take. Runs none."""
    stack: list[bool] = []  # whether it is a mark
    try:
        for step, (operation, _, _) in enumerate(pickletools.genops(start), start=1):
            if not _apply(operation, stack):
                return False
            if operation.name == "STOP" or step == _PLAUSIBLE_STEPS:
                return True
    except (ValueError, OverflowError, LookupError):
        pass
    return False


def _apply(operation: pickletools.OpcodeInfo, stack: list[bool]) -> bool:
    """Do with the stack what an instruction does; False if it finds less there than it takes."""
    taken = list(operation.stack_before)
    if pickletools.stackslice in taken:
        if True not in stack:
            return False
        while not stack.pop():
            pass
        taken = taken[: taken.index(pickletools.markobject)]
    if len(taken) > len(stack):
        return False
    del stack[len(stack) - len(taken) :]
    stack += [one is pickletools.markobject for one in operation.stack_after]
    return True
