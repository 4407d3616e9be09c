"""Reads the files of one commit of a git repository on disk, or of a bundle. Checks out nothing, fetches nothing.

Filters, attributes, submodules and LFS are not applied: a file is what its blob holds.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from harness.errors import ConfigError
from harness.intake.archive.entries import BadArchive, Entry, EntryKind, OverBudget, reading
from harness.intake.archive.writer import TreeWriter
from harness.intake.git.blob import read_blob
from harness.intake.git.process import Git, new_repository
from harness.intake.git.refs import choose, read_bundle_head, read_revision
from harness.intake.git.store import HEAD, copy_objects, is_repository, pack_content
from harness.language import message

MAX_OBJECT_FILES = 100_000

_OVERHEAD_BYTES = 64_000_000
_LINE_BYTES = 16_384
_FSCK_BAD_OBJECT = 1  # ERROR_OBJECT of git's builtin/fsck.c
_SHA1 = re.compile("[0-9a-f]{40}")
_SHORT = re.compile("[0-9a-fA-F]{7,39}")
_ROW = re.compile(rb"(?P<mode>[0-7]{6}) (?P<type>[a-z]+) (?P<sha>[0-9a-f]{40})\t(?P<name>.+)", re.DOTALL)
_KINDS = {b"120000": EntryKind.LINK, b"160000": EntryKind.SUBMODULE}


def read_git(source: Path, *, revision: str | None, near: Path, max_bytes: int) -> Iterator[Entry]:
    """Give the files of a commit.

    Args:
        source: A bare repository, a folder with `.git`, or a bundle.
        revision: Branch, tag, or object name, of a commit also the first 7 digits or more; None is what `HEAD` names.
        near: Folder for a repository of our own, which is removed at the end.
        max_bytes: The budget of the submission; objects, history included, may take four times as much and some.

    Raises:
        BadArchive: It is no repository, or a damaged or incomplete one, or reading it takes git too long.
        OverBudget: Its objects take too much room.
        ConfigError: There is no git, no such revision, or the source cannot be read.
    """
    most_bytes = 4 * max_bytes + _OVERHEAD_BYTES
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".git-", suffix=".part", dir=near)))
        git = new_repository(scratch / "own.git", file_bytes=most_bytes)
        (git.folder / "objects" / "pack").rmdir()
        writer = TreeWriter(git.folder / "objects", max_bytes=most_bytes, max_files=MAX_OBJECT_FILES)
        try:
            name = _take(source, revision or HEAD, writer)
        except OverBudget as problem:
            raise OverBudget(message("{problem} of objects, history included", problem=problem.words)) from problem
        _verify(git)
        sha = _whole(git, name) if name == revision else name
        listing = stack.enter_context(git.start("ls-tree", "-r", "-z", "--full-tree", sha))[1]
        objects = stack.enter_context(git.start("cat-file", "--batch"))
        for row in _rows(listing):
            yield _entry(git, row, objects, max_bytes)


def _take(source: Path, revision: str, writer: TreeWriter) -> str:
    """Copy what there is of objects; gives what a branch or tag stands for, or what may be an object name as it is."""
    if source.is_file():
        with reading(source.name):
            file = source.open("rb")
        with file:
            refs = read_bundle_head(file, source.name)
            writer.add_file(("pack", "pack-0000.pack"), pack_content(file, source.name), executable=False)
        return _name_of(revision, lambda: choose(refs, revision))
    repository = source if is_repository(source) else source / ".git"
    if repository.is_symlink() or not is_repository(repository):
        raise BadArchive(message("it is no git repository, or its `.git` points elsewhere"))
    copy_objects(repository, writer)
    return _name_of(revision, lambda: read_revision(repository, revision))


def _name_of(revision: str, look_up: Callable[[], str]) -> str:
    if _SHA1.fullmatch(revision):
        return revision
    try:
        return look_up()
    except ConfigError:
        if _SHORT.fullmatch(revision):
            return revision
        raise


def _whole(git: Git, given: str) -> str:
    """Give the name of the object of that name, or of the one commit whose name begins like this.

    Raises:
        ConfigError: There is none, or more than one.
    """
    line = b""
    kind = "tree" if _SHA1.fullmatch(given) else "commit"
    try:
        with git.start("rev-parse", "--verify", "--quiet", "--end-of-options", f"{given}^{{{kind}}}") as (_, output):
            line = output.readline(_LINE_BYTES)
    except BadArchive as problem:
        raise ConfigError(
            f"There is no branch or tag {given!r} in the repository, and no commit or more than one that begins so.",
            remedy="Name a branch, a tag or more digits of the object name behind the `#`.",
        ) from problem
    return line.decode("ascii").strip()


def _verify(git: Git) -> None:
    """Have every object read once: git trusts objects that are there, and waits for ever on one that lies on its size.

    Objects that are missing are not looked for here: the history of a shallow clone is.
    """
    for pack in sorted((git.folder / "objects" / "pack").glob("*.pack")):
        git.run("index-pack", str(pack))
    git.run("fsck", "--no-full", "--no-dangling", "--no-reflogs", "--no-progress", failure_bits=_FSCK_BAD_OBJECT)


def _rows(listing: IO[bytes]) -> Iterator[re.Match[bytes]]:
    """Split what `ls-tree -z` writes: `MODE TYPE SHA TAB NAME NUL`."""
    rest = b""
    while chunk := listing.read(_LINE_BYTES):
        *rows, rest = (rest + chunk).split(b"\0")
        for row in rows:
            parsed = _ROW.fullmatch(row)
            if parsed is None:
                raise BadArchive(message("it holds a tree that cannot be read"))
            yield parsed
        if len(rest) > _LINE_BYTES:
            raise BadArchive(message("it holds a name of more than {most} bytes", most=_LINE_BYTES))


def _entry(git: Git, row: re.Match[bytes], objects: tuple[IO[bytes], IO[bytes]], max_bytes: int) -> Entry:
    def open_content() -> IO[bytes]:
        return read_blob(*objects, row["sha"], max_bytes=max_bytes, failed=git.failed)

    return Entry(
        raw_name=row["name"],
        is_utf8=True,
        kind=_KINDS.get(row["mode"], EntryKind.FILE if row["type"] == b"blob" else EntryKind.SPECIAL),
        executable=row["mode"] == b"100755",
        open=open_content,
    )
