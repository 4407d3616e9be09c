"""Chooses what of submission/ goes into the hand-in, and refuses what the grader would refuse or leave out.

Hidden files and folders stay behind. Must not open a file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import limits
from files import InputError
from progress import a_few

SCRIPTS = ("run.sh", "download.sh")
README = "README.md"
WEIGHTS_ENDINGS = frozenset({".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".zip"})
# As the grader reads names, harness/intake/archive/names.py; its limits, less the student's id in front.
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_MOST_PATH_BYTES = 1000
_MOST_PARTS = 31
# Room for what is filled into download.sh.
_SPARE_BYTES = 10_000


def files_to_pack(root: Path) -> dict[str, Path]:
    """Return what goes into the hand-in, by its name there.

    Raises:
        InputError: A script is missing, weights lie among the code, or the grader would not take or not see a file.
    """
    seen = {name: path for path in sorted((root / "submission").rglob("*")) if (name := _name(path, root))}
    _refuse(_unfollowed(seen))
    code = {name: path for name, path in seen.items() if path.suffix == ".py" and not path.is_dir()}
    _refuse(_unread(code))
    if weights := [name for name, path in seen.items() if path.suffix in WEIGHTS_ENDINGS and path.is_file()]:
        raise InputError(
            f"weights are not handed in, download.sh fetches them; move out of submission/: {', '.join(weights)}"
        )
    files = {name: root / name for name in SCRIPTS} | code
    if (readme := root / "submission" / README).is_file():
        files[README] = readme
    if missing := [name for name, path in files.items() if not path.is_file()]:
        raise InputError(f"cannot pack: {', '.join(missing)} missing in {root}")
    _refuse([*_collisions(files), *_too_much(files)])
    return files


def _name(path: Path, root: Path) -> str:
    """Give the name in the hand-in, or nothing where a part of it is hidden."""
    name = path.relative_to(root).as_posix()
    return "" if "/." in name else name


def _refuse(problems: Iterator[str] | list[str]) -> None:
    if found := list(problems):
        raise InputError(f"the grader would not take the hand-in as it is: {'; '.join(found)}")


def _unfollowed(seen: dict[str, Path]) -> Iterator[str]:
    if links := [name for name, path in seen.items() if path.is_symlink() and path.is_dir()]:
        yield f"nothing is packed of {a_few(links)}, a link to a folder: put a copy there or move it out of submission/"


def _unread(names: dict[str, Path]) -> Iterator[str]:
    ignored = [
        name for name in names if any(fnmatchcase(part, to) for part in name.split("/") for to in limits.IGNORED)
    ]
    if ignored:
        yield f"it leaves out {a_few(ignored)}: rename the folder, or move it out of submission/"
    if odd := [ascii(name) for name in names if not _is_plain(name)]:
        yield f"{a_few(odd)} is too long, no UTF-8, or has a backslash or control characters in it: rename it"


def _is_plain(name: str) -> bool:
    if any(char in _BIDIRECTIONAL or unicodedata.category(char) in _UNSAFE_CATEGORIES for char in name + "/"):
        return False
    return "\\" not in name and len(name.encode()) <= _MOST_PATH_BYTES and name.count("/") < _MOST_PARTS


def _collisions(names: dict[str, Path]) -> Iterator[str]:
    """Name what a file system that knows no case, or another form of Unicode, takes for the same."""
    first: dict[str, str] = {}
    found = {path: first.setdefault(_folded(path), path) for name in names for path in _with_folders(name)}
    if same := [f"{path} and {other}" for path, other in found.items() if path != other]:
        yield f"on some machines they have the same name: {a_few(same)}: rename one"


def _folded(name: str) -> str:
    """Unicode Standard, section 3.13, definition D145."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _with_folders(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _too_much(files: dict[str, Path]) -> Iterator[str]:
    count = 1 + len({path for name in files for path in _with_folders(name)})
    if count > limits.MAX_FILES:
        yield f"it has {count:,} files and folders, {limits.MAX_FILES:,} are taken: move some out of submission/"
    size_bytes = sum(path.stat().st_size for path in files.values())
    if size_bytes + _SPARE_BYTES > limits.MAX_HAND_IN_BYTES:
        large = max(files, key=lambda name: files[name].stat().st_size)
        yield f"it has {size_bytes:,} bytes, {limits.MAX_HAND_IN_BYTES:,} are taken: move out {large}"
