"""Unpacks a submission (folder, zip, tar, git repository) into a new folder. Must not judge what the submission holds.

The archive is hostile until proven otherwise: only plain files and folders are made, nothing is written outside the
target or beyond the byte budget, and after a refusal the target is not there.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from harness.errors import ConfigError, EnvironmentFault
from harness.intake.archive.compressed import is_compressed
from harness.intake.archive.entries import BadArchive, Entry, EntryKind, OverBudget, reading
from harness.intake.archive.folder import read_folder
from harness.intake.archive.names import RefusedName, is_ignored, read_name
from harness.intake.archive.tar import read_tar
from harness.intake.archive.writer import TreeWriter
from harness.intake.archive.zip import read_zip
from harness.intake.git.entries import read_git
from harness.intake.git.refs import is_bundle
from harness.intake.git.store import is_repository
from harness.language import Message, message, some
from harness.model.finding import Finding, finding, has_error
from harness.text import visible

_CHUNK_BYTES = 256 * 1024
_MAX_REFUSALS = 10
# What is left out is not written, but costs time all the same.
_SEEN_PER_FILE = 10
_SEEN_BESIDE = 10_000
_TAR_OVERHEAD_BYTES = 8_000_000
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_MAGIC_AT = 257
_UNREAD_MAGIC = (
    (b"Rar!", message("it is a RAR archive")),
    (b"7z\xbc\xaf", message("it is a 7z archive")),
    (b"<", message("it is a web page or XML, not an archive")),
)
_REFUSED: Mapping[EntryKind, Message] = MappingProxyType(
    {
        EntryKind.LINK: message("it is a link"),
        EntryKind.SPECIAL: message("it is a device, pipe or socket"),
        EntryKind.SPARSE: message("it is a sparse file"),
        EntryKind.SET_ID: message("it is a file with a set-user-id or set-group-id bit; take it off with `chmod ug-s`"),
        EntryKind.SUBMODULE: message("it is a submodule of git, and nothing is fetched"),
    }
)


def unpack(
    source: Path,
    target: Path,
    *,
    max_bytes: int,
    max_files: int,
    ignored: tuple[str, ...],
    revision: str | None = None,
    apart: Path | None = None,
) -> tuple[Finding, ...]:
    """Unpack `source` into `target`, or leave no target and say why.

    Args:
        source: A folder, a bare git repository, or a file that is .zip, .tar, .tar.gz, .tar.xz, .tar.bz2, .tar.zst or a
            bundle of git by its content.
        target: Folder to make; it must not be there, or be empty.
        max_bytes: Most bytes of all files together.
        max_files: Most files and folders.
        ignored: Patterns of what is left out, see `is_ignored`.
        revision: The folder is a git repository, and this branch, tag or object name of it is meant; None leaves a
            folder with `.git` a plain folder.
        apart: Path from `source` of a file whose bytes are not counted. Only for a folder that nobody hostile fills.

    Returns:
        Findings INT001, INT002, INT003 (errors: no target) and INT007 (a warning).

    Raises:
        ConfigError: The source is missing or unreadable, the target holds something, or git or the revision is missing.
        EnvironmentFault: The machine cannot write the target, say because the disk is full.
    """
    part = _make_part(source, target)
    try:
        writer = TreeWriter(part, max_bytes=max_bytes, max_files=max_files, apart=apart.parts if apart else None)
        if is_git(source, revision):
            entries = read_git(source, revision=revision, near=part.parent, max_bytes=max_bytes)
        else:
            entries = _entries(source, part, max_bytes, max_files, ignored)
        most = _SEEN_PER_FILE * max_files + _SEEN_BESIDE
        findings = _unpack_into(writer, source, _counted(entries, most), ignored)
        if not has_error(findings):
            part.chmod(0o755)
            part.replace(target)
        return findings
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_git(source: Path, revision: str | None) -> bool:
    """Tell whether a commit is what is handed in: of a repository, of its bundle, or of any folder by a revision."""
    if source.is_dir():
        return revision is not None or is_repository(source)
    return is_bundle(source)


def _make_part(source: Path, target: Path) -> Path:
    if not source.exists():
        raise ConfigError(f"there is no submission at {source}", remedy="Give the path of a folder or archive.")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConfigError(f"cannot unpack to {target}: it is not a folder", remedy="Choose another folder.")
    try:
        if target.exists():
            target.rmdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except OSError as problem:
        if target.exists():
            raise ConfigError(
                f"cannot unpack to {target}: {problem.strerror}", remedy="Choose a folder that is new or empty."
            ) from problem
        raise EnvironmentFault(
            f"cannot make the folder {target}: {problem.strerror}", remedy="Free space, or choose another run folder."
        ) from problem


def _unpack_into(
    writer: TreeWriter, source: Path, entries: Iterator[Entry], ignored: tuple[str, ...]
) -> tuple[Finding, ...]:
    """Write the entries; goes on after a refused one, so that the student hears of the others too."""
    refusals: list[Finding] = []
    repaired: list[str] = []
    files = 0
    with closing(entries):  # type: ignore[type-var]  # each reader is a generator
        try:
            for entry in entries:
                try:
                    files += _unpack_entry(writer, source.name, entry, ignored, repaired)
                except RefusedName as problem:
                    refusals.append(_refusal(entry, problem.words))
                    if len(refusals) >= _MAX_REFUSALS:
                        break
        except BadArchive as problem:
            refusals.append(_unreadable(source, problem.words))
        except OverBudget as problem:
            refusals.append(
                finding(
                    "INT003",
                    message("`{name}` unpacks to {problem}", name=visible(source.name, 120), problem=problem.words),
                )
            )
    if not refusals and not files:
        refusals.append(_unreadable(source, message("it holds no files")))
    return tuple(refusals) or tuple(_repairs(repaired))


def _counted(entries: Iterator[Entry], most: int) -> Iterator[Entry]:
    with closing(entries):  # type: ignore[type-var]  # each reader is a generator
        for number, entry in enumerate(entries):
            if number == most:
                raise OverBudget(message("more than {count} files and folders, with what is left out", count=most))
            yield entry


def _unpack_entry(
    writer: TreeWriter, source_name: str, entry: Entry, ignored: tuple[str, ...], repaired: list[str]
) -> int:
    """Write one entry; gives the number of files written."""
    name = read_name(entry.raw_name, is_utf8=entry.is_utf8)
    if is_ignored(name.parts, ignored):
        return 0
    if entry.kind not in (EntryKind.FILE, EntryKind.FOLDER):
        raise RefusedName(_REFUSED[entry.kind])
    if name.repaired:
        repaired.append(name.path)
    if entry.kind is EntryKind.FOLDER:
        writer.add_folder(name.parts)
        return 0
    if not name.parts:
        raise RefusedName(message("a file without a name"))
    writer.add_file(name.parts, _chunks(entry, source_name), executable=entry.executable)
    return 1


def _chunks(entry: Entry, source_name: str) -> Iterator[bytes]:
    with reading(source_name):
        content = entry.open()
    with content:
        while True:
            with reading(source_name):
                chunk = content.read(_CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


def _entries(source: Path, part: Path, max_bytes: int, max_files: int, ignored: tuple[str, ...]) -> Iterator[Entry]:
    if source.is_dir():
        yield from read_folder(source, ignored=ignored, skipped=part)
        return
    if not source.is_file():
        raise ConfigError(f"{source} is neither a file nor a folder", remedy="Give the path of a folder or archive.")
    with reading(source.name), source.open("rb") as file:
        start = file.read(512)
    if start.startswith(_ZIP_MAGIC):
        yield from read_zip(source, max_files=max_files)
    elif is_compressed(start) or start[_TAR_MAGIC_AT:].startswith(b"ustar"):
        yield from read_tar(source, max_stream_bytes=2 * max_bytes + _TAR_OVERHEAD_BYTES)
    else:
        raise BadArchive(_why_not(start))


def _why_not(start: bytes) -> Message:
    if not start:
        return message("it is empty")
    for magic, reason in _UNREAD_MAGIC:
        if start.lstrip().startswith(magic):
            return reason
    return message("it is neither a zip nor a tar")


def _unreadable(source: Path, reason: Message) -> Finding:
    return finding(
        "INT001", message("`{name}` cannot be unpacked: {reason}", name=visible(source.name, 120), reason=reason)
    )


def _refusal(entry: Entry, reason: Message) -> Finding:
    name = visible(entry.raw_name.decode("utf-8", "replace"), 120)
    return finding("INT002", message("{file}: {reason}", file=f"`{name}`", reason=reason))


def _repairs(repaired: list[str]) -> Iterator[Finding]:
    if repaired:
        named = some([f"`{visible(path, 60)}`" for path in repaired])
        yield finding("INT007", message("read as {names}", names=named))
