"""Takes the two adapter files out of a zip or a folder, and trusts neither.

Nothing is written outside the folder that the caller names, whatever the zip says. Must not know where they came from.
"""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from adapter.files import ADAPTER_FILES
from fetching.sources import Exit, FetchError

try:
    from lzma import LZMAError
except ImportError:  # a Python built without it, which does not unpack it either
    LZMAError = zlib.error  # type: ignore[assignment,misc]

MAX_ENTRIES = 1000
MAX_UNPACKED_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20
# What zipfile raises for a damaged zip. Besides: an OSError without a number for damaged bzip2, and EINVAL for a place
# before the start of the file.
DAMAGED = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
_DAMAGED_ERRNOS = frozenset({None, errno.EINVAL})
ZIP_AGAIN = "zip the folder adapter_checkpoint alone, as train.py does, and upload it again"


def wrong_file(seen: str) -> FetchError:
    """Say that what came is not an adapter archive that can be used."""
    return FetchError(Exit.WRONG_FILE, seen, remedy=ZIP_AGAIN)


def unpack_zip(archive: Path, folder: Path) -> None:
    """Unpack the two adapter files from a zip, with a folder around them or not.

    Raises:
        FetchError: It is no zip, is unsafe or too big, or holds no adapter.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            entries = _safe_entries(file)
            parent = find_parent(entries)
            folder.mkdir(parents=True, exist_ok=True)
            left_bytes = MAX_UNPACKED_BYTES
            for name in ADAPTER_FILES:
                left_bytes = _unpack_one(file, entries[parent / name], folder / name, left_bytes=left_bytes)
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _DAMAGED_ERRNOS:
            raise
        with archive.open("rb") as start:
            raise wrong_file(f"not a readable zip ({error}); it begins with {start.read(16)!r}") from error


def take_from_folder(source: Path, folder: Path) -> None:
    """Copy the two adapter files out of a folder tree.

    Raises:
        FetchError: It holds no adapter.
    """
    files = {PurePosixPath(p.relative_to(source).as_posix()): p for p in source.rglob("*") if p.is_file()}
    parent = find_parent(files)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ADAPTER_FILES:
        shutil.copyfile(files[parent / name], folder / name)


def find_parent(names: Iterable[PurePosixPath]) -> PurePosixPath:
    """Find the one folder that holds both adapter files.

    Raises:
        FetchError: There is none, or there are several.
    """
    present = {name for name in names if "__MACOSX" not in name.parts}
    parents = sorted({n.parent for n in present if all(n.parent / wanted in present for wanted in ADAPTER_FILES)})
    if len(parents) == 1:
        return parents[0]
    if parents:
        raise wrong_file(f"more than one adapter in it: {', '.join(map(str, parents))}")
    found = ", ".join(sorted(map(str, present))[:8]) or "nothing"
    pickled = any(name.name == "adapter_model.bin" for name in present)
    hint = " (adapter_model.bin is a pickle, which is not accepted: save as safetensors)" if pickled else ""
    raise wrong_file(f"no folder in it has both {' and '.join(ADAPTER_FILES)}; found: {found}{hint}")


def _safe_entries(file: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    infos = [info for info in file.infolist() if not info.is_dir()]
    if len(infos) > MAX_ENTRIES:
        raise wrong_file(f"the zip has {len(infos)} entries; at most {MAX_ENTRIES} are unpacked")
    entries: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in infos:
        path = PurePosixPath(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
            raise wrong_file(f"the zip has an entry that points out of its folder: {info.filename!r}")
        if kind not in {0, stat.S_IFREG}:
            raise wrong_file(f"the zip has an entry that is a link or device: {info.filename!r}")
        if path in entries:
            raise wrong_file(f"the zip has two entries of the same name: {info.filename!r}")
        entries[path] = info
    return entries


def _unpack_one(file: zipfile.ZipFile, info: zipfile.ZipInfo, destination: Path, *, left_bytes: int) -> int:
    """Unpack one entry and return how many bytes may still come; the sizes in the zip are not believed."""
    with file.open(info) as source, destination.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            left_bytes -= len(chunk)
            if left_bytes < 0:
                raise wrong_file(f"it unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")
            target.write(chunk)
    return left_bytes
