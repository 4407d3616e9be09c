"""Packs a submission to be sent to another machine, so that intake there sees what it would see here.

An archive is sent as it is. Of a folder goes what intake would look at, as a tar: contents of files, up to a byte more
than the assignment allows (intake then says so), and the mere presence of what it refuses. Of a git repository go
its objects and refs. Nothing is judged here.
"""

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from harness.errors import ConfigError, EnvironmentFault
from harness.intake.archive.entries import BadArchive, Entry, EntryKind
from harness.intake.archive.folder import read_folder
from harness.intake.archive.names import RefusedName, is_ignored, read_name
from harness.intake.git.store import is_repository
from harness.model.assignment import SubmissionRules
from harness.model.submission import Submission

_OF_GIT = ("hooks/*", "logs/*", "worktrees/*", "modules/*", "index", "objects/pack/*.idx", "objects/pack/*.rev")
_GIT_OVERHEAD_BYTES = 64_000_000
_ENTRIES_PER_FILE = 10
_ENTRIES_BESIDE = 110_000
_SET_ID = 0o4600  # no x-bit: intake refuses it all the same, and nobody can run it
_NOWHERE = "nowhere"
_CHUNK_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What is sent: the file that holds it, and whether that is a packed folder or the archive itself."""

    path: Path
    is_folder: bool


def pack(submission: Submission, rules: SubmissionRules, target: Path) -> Parcel:
    """Pack a submission; `target` is written where there is something to pack.

    Args:
        submission: What was handed in.
        rules: The assignment's, which bound it.
        target: File to make.

    Raises:
        ConfigError: It cannot be read, or is larger than is sent.
        EnvironmentFault: It changes while it is read, or the disk is full.
    """
    source = submission.source
    if source.is_file():
        _refuse_large(source, most_bytes(rules))
        return Parcel(path=source, is_folder=False)
    if not source.is_dir():
        raise ConfigError(f"There is no submission at {source}.", remedy="Give the path of a folder or an archive.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(target, "w", encoding="utf-8", errors="surrogateescape") as tar:
            _add(tar, submission, rules)
    except (BadArchive, OSError) as problem:
        raise EnvironmentFault(
            f"{source} could not be packed to be sent: {problem}.",
            remedy="Leave the submissions alone while they are graded, check the disk, and grade again.",
        ) from problem
    return Parcel(path=target, is_folder=True)


def unpack(parcel: Path, place: Path) -> None:
    """Make the folder that `pack` packed; what was a link, a pipe or a device there is a link or a pipe here.

    Raises:
        OSError: It cannot be written.
    """
    place.mkdir(parents=True)
    with tarfile.open(parcel, "r:", encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            path = place / member.name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif member.issym():
                path.symlink_to(member.linkname)
            elif member.isfifo():
                os.mkfifo(path)
            elif (content := tar.extractfile(member)) is not None:
                with content, path.open("xb") as file:
                    shutil.copyfileobj(content, file)
                path.chmod(member.mode)


def chunks(path: Path) -> Iterator[bytes]:
    """Give a file in pieces; an empty one is one empty piece."""
    with path.open("rb") as file:
        chunk = file.read(_CHUNK_BYTES)
        yield chunk
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def most_bytes(rules: SubmissionRules) -> int:
    """Give the most bytes that are sent: as much as intake reads of a git repository with its history."""
    return 4 * rules.max_bytes + _GIT_OVERHEAD_BYTES


def _refuse_large(archive: Path, limit_bytes: int) -> None:
    size = archive.stat().st_size
    if size > limit_bytes:
        raise ConfigError(
            f"{archive.name} takes {size / 1e6:.0f} MB; no more than {limit_bytes / 1e6:.0f} MB is sent to a node.",
            remedy="Grade what is left without --engine ray: `harness grade --resume FOLDER`.",
        )


def _add(tar: tarfile.TarFile, submission: Submission, rules: SubmissionRules) -> None:
    source = submission.source
    skipped = Path(str(tar.name)).parent
    if submission.revision is None and not is_repository(source):
        entries = read_folder(source, ignored=rules.ignored, skipped=skipped)
        _add_entries(tar, source, entries, rules, limit_bytes=rules.max_bytes)
        return
    git = source if is_repository(source) else source / ".git"
    if git.is_symlink() or not git.is_dir():
        return  # intake says of an empty folder what it says of this one
    if git != source:
        tar.addfile(_info(".git", tarfile.DIRTYPE))
    rules = replace(rules, ignored=_OF_GIT)
    entries = read_folder(git, ignored=_OF_GIT, skipped=skipped)
    _add_entries(tar, git, entries, rules, limit_bytes=most_bytes(rules), prefix="" if git == source else ".git/")


def _add_entries(
    tar: tarfile.TarFile,
    root: Path,
    entries: Iterator[Entry],
    rules: SubmissionRules,
    *,
    limit_bytes: int,
    prefix: str = "",
) -> None:
    left = limit_bytes + 1
    for entry in islice(entries, _ENTRIES_PER_FILE * rules.max_files + _ENTRIES_BESIDE):
        name = os.fsdecode(entry.raw_name)
        if entry.kind is EntryKind.FILE and _counts(entry, rules.ignored):
            left -= _add_file(tar, prefix + name, entry, most=left)
            if not left:
                return
        else:
            tar.addfile(_stand_in(root / name, prefix + name, entry.kind))


def _add_file(tar: tarfile.TarFile, name: str, entry: Entry, *, most: int) -> int:
    """Add a file, or its beginning; give how many bytes of it."""
    with entry.open() as file:
        info = _info(name, tarfile.REGTYPE, mode=0o755 if entry.executable else 0o644)
        info.size = min(most, os.fstat(file.fileno()).st_size)
        tar.addfile(info, file)
    return info.size


def _counts(entry: Entry, ignored: tuple[str, ...]) -> bool:
    """Tell whether intake would read the content."""
    try:
        parts = read_name(entry.raw_name, is_utf8=entry.is_utf8).parts
    except RefusedName:
        return False
    return not is_ignored(parts, ignored)


def _stand_in(path: Path, name: str, kind: EntryKind) -> tarfile.TarInfo:
    match kind:
        case EntryKind.FOLDER:
            return _info(name, tarfile.DIRTYPE)
        case EntryKind.LINK:
            info = _info(name, tarfile.SYMTYPE)
            target = path.readlink()
            info.linkname = _NOWHERE if target.is_absolute() or ".." in target.parts else str(target)
            return info
        case EntryKind.SPECIAL:
            return _info(name, tarfile.FIFOTYPE)
        case EntryKind.SET_ID:
            return _info(name, tarfile.REGTYPE, mode=_SET_ID)
        case _:
            return _info(name, tarfile.REGTYPE)


def _info(name: str, kind: bytes, *, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = stat.S_IMODE(mode)
    return info
