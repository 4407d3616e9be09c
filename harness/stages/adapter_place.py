"""Whether download.sh left an adapter where the assignment wants it, and if not, where it lies instead.

Must not look into the adapter's files: that is the gate's.
"""

import os
import shlex
from collections.abc import Collection
from pathlib import Path

from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS
from harness.language import Message, message, sentences, verbatim
from harness.model.finding import Finding, finding
from harness.text import visible

MOST_PLACES = 3
PATH_SHOWN = 200
FIRST_LINE = message(
    "Begin download.sh with `set -e`, so that it ends where a command fails, and try it in an empty copy."
)


def check_place(tree: Path, adapter: str, *, packed: Collection[bytes], said: Message) -> list[Finding]:
    """Look for the adapter's folder after a download.sh that ended well.

    Args:
        tree: The submission's root.
        adapter: Where the assignment wants the folder, from the root.
        packed: Paths of the files that were there before, which are no adapter where its folder holds other files.
        said: The end of what download.sh printed, and what else may be why.
    """
    links = [path for path in (tree / part for part in _prefixes(adapter)) if path.is_symlink()]
    if links:
        seen = message("`{path}` is a link", path=str(links[0].relative_to(tree)))
        return [finding("FET005", seen, limit=message("a plain folder"))]
    what = _lack(tree / adapter, adapter)
    elsewhere = _places(tree)
    if what is None:
        elsewhere = [one for one in elsewhere if os.fsencode(one / CONFIG) not in packed]
        if not elsewhere or _holds(tree / adapter):
            return []
    what = what or message("`{folder}` holds no `{file}`", folder=adapter, file=CONFIG)
    if elsewhere:
        listed = tuple(f"`{_shown(one / CONFIG)}`" for one in elsewhere[:MOST_PLACES])
        seen = message("download.sh ended well, but {what}; it lies at {places}.", what=what, places=listed)
        fix = message("End download.sh with: `{command}`", command=_move(tree, elsewhere[0], adapter))
    else:
        seen = message("download.sh ended well, but {what}.", what=what)
        fix = FIRST_LINE
    return [finding("FET004", sentences(seen, said), limit=verbatim(f"{adapter}/"), fix=fix)]


def _lack(folder: Path, adapter: str) -> Message | None:
    if not folder.is_dir():
        return message("there is no folder `{folder}`", folder=adapter)
    return None if any(folder.iterdir()) else message("the folder `{folder}` is empty", folder=adapter)


def _holds(folder: Path) -> bool:
    """Tell whether anything of an adapter is in `folder` or below it: then the gate says what is wrong."""
    return any(CONFIG in names or WEIGHTS in names for _, _, names in os.walk(folder))


def _places(tree: Path) -> list[Path]:
    """List the folders below `tree`, from there, that hold a plain `adapter_config.json`, the highest first."""
    found = [Path(folder) for folder, _, names in os.walk(tree) if CONFIG in names]
    plain = [one.relative_to(tree) for one in found if not (one / CONFIG).is_symlink() and (one / CONFIG).is_file()]
    return sorted(plain, key=lambda one: (len(one.parts), one))


def _move(tree: Path, source: Path, adapter: str) -> str:
    """Write the shell command that brings the adapter's files from the folder `source` to where they belong."""
    names = [name for name in (CONFIG, WEIGHTS) if (tree / source / name).is_file()]
    start = "./" if source.as_posix().startswith("-") else ""
    files = [f"{start}{_shown(source / name)}" for name in names]
    return f"{shlex.join(['mkdir', '-p', adapter])} && {shlex.join(['mv', *files, f'{adapter}/'])}"


def _shown(path: Path) -> str:
    return visible(path.as_posix(), PATH_SHOWN)


def _prefixes(relative: str) -> list[Path]:
    path = Path(relative)
    return [*reversed([one for one in path.parents if one != Path()]), path]
