"""Takes the objects out of a repository that a student made. Runs nothing, follows no link.

Only objects are taken, as plain files, into a repository of our own. Configuration, hooks, attributes, grafts,
replacements and indices of packs stay behind: no program ever reads them.
"""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.intake.archive.entries import BadArchive, reading
from harness.intake.archive.writer import TreeWriter
from harness.intake.plain import NotPlainFile, open_plain
from harness.language import message
from harness.text import visible

HEAD = "HEAD"
SHA256 = message(
    "it uses SHA-256 object names, and only SHA-1 ones are read: clone it anew with SHA-1, or hand in a zip"
)

_CHUNK_BYTES = 256 * 1024
_FOLDER = re.compile(r"[0-9a-f]{2}")
_LOOSE = re.compile(r"[0-9a-f]{38}")
_LOOSE_SHA256 = re.compile(r"[0-9a-f]{62}")
_PACK_SHA256 = re.compile(r"pack-[0-9a-f]{64}\.pack")


def is_repository(folder: Path) -> bool:
    """Tell whether a folder looks like a bare repository (or the `.git` of another)."""
    return (folder / HEAD).is_file() and is_folder(folder / "objects") and is_folder(folder / "refs")


def copy_objects(repository: Path, writer: TreeWriter) -> None:
    """Copy loose objects and packs.

    Raises:
        BadArchive: It is part of another repository, or uses SHA-256, or its packs and objects are no plain files.
        OverBudget: There is more than the writer takes.
        ConfigError: It cannot be read.
    """
    if (repository / "commondir").exists():
        raise BadArchive(message("it is a working tree of another repository"))
    objects = repository / "objects"
    for name in ("alternates", "http-alternates"):
        if (objects / "info" / name).exists():
            raise BadArchive(message("it borrows objects from another repository (objects/info/{name})", name=name))
    packs = 0
    for folder in _folders(objects):
        for path in files_in(folder):
            if folder.name == "pack" and path.suffix == ".pack":
                writer.add_file(("pack", f"pack-{packs:04d}.pack"), _content(path), executable=False)
                packs += 1
                if _PACK_SHA256.fullmatch(path.name):
                    raise BadArchive(SHA256)
            elif _FOLDER.fullmatch(folder.name) and _LOOSE_SHA256.fullmatch(path.name):
                raise BadArchive(SHA256)
            elif _FOLDER.fullmatch(folder.name) and _LOOSE.fullmatch(path.name):
                writer.add_file((folder.name, path.name), _content(path), executable=False)


def files_in(folder: Path) -> list[Path]:
    """Give the files in a folder, and the links, which whoever opens them refuses.

    Raises:
        ConfigError: It cannot be read.
    """
    with reading(folder.name):
        return sorted(path for path in folder.iterdir() if path.is_symlink() or path.is_file())


def is_folder(path: Path) -> bool:
    """Tell whether this is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def pack_content(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Give the rest of an open file in chunks.

    Raises:
        ConfigError: It cannot be read.
    """
    while True:
        with reading(name):
            chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


def _content(path: Path) -> Iterator[bytes]:
    try:
        with reading(path.name):
            file = open_plain(path)
    except NotPlainFile as problem:
        raise BadArchive(problem.words) from problem
    with file:
        yield from pack_content(file, path.name)


def _folders(objects: Path) -> list[Path]:
    if not is_folder(objects):
        raise BadArchive(message("it has no folder `objects`, or a link instead"))
    with reading(objects.name):
        found = sorted(path for path in objects.iterdir() if is_folder(path))
        links = [path for path in objects.iterdir() if path.is_symlink()]
    if links:
        raise BadArchive(message("it holds a link: objects/{name}", name=visible(links[0].name, 60)))
    return found
