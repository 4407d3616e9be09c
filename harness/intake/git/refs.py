"""Finds what a branch, tag or `HEAD` of a repository or bundle stands for, read from its files. Runs nothing."""

import re
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness.errors import ConfigError
from harness.intake.archive.entries import BadArchive, reading
from harness.intake.git.store import HEAD, SHA256, files_in, is_folder, is_repository
from harness.intake.plain import NotPlainFile, read_plain
from harness.language import message
from harness.text import visible

BUNDLE_MAGIC = (b"# v2 git bundle\n", b"# v3 git bundle\n")

_LINE_BYTES = 4096
_REFS_BYTES = 4_000_000
_MOST_HOPS = 5
_BRANCH = "refs/heads/"
_SHA1 = re.compile(r"[0-9a-f]{40}")
_OBJECT_NAME = re.compile(r"[0-9a-fA-F]{7,64}")


def require_revision(source: Path, revision: str) -> None:
    """See that a branch or tag is there, before anything is copied or run.

    What may be an object name is found among the objects alone, by `read_git`, which also tells what is damaged.

    Raises:
        ConfigError: It is not there.
    """
    if _OBJECT_NAME.fullmatch(revision):
        return
    repository = source if is_repository(source) else source / ".git"
    with suppress(BadArchive):
        if is_repository(repository):
            read_revision(repository, revision)
        elif is_bundle(source):
            with source.open("rb") as file:
                choose(read_bundle_head(file, source.name), revision)


def is_bundle(source: Path) -> bool:
    """Tell whether it is a file that begins as a bundle does.

    Raises:
        ConfigError: It cannot be read.
    """
    if not source.is_file():
        return False
    with reading(source.name), source.open("rb") as file:
        return file.read(len(BUNDLE_MAGIC[0])) in BUNDLE_MAGIC


def read_revision(repository: Path, revision: str) -> str:
    """Give the object name that a branch, tag or `HEAD` stands for, read from the files.

    Raises:
        BadArchive: The `HEAD` leads nowhere, or a file is damaged.
        ConfigError: Another revision was asked for, and it is not there.
    """
    packed = _packed(_text(repository / "packed-refs", _REFS_BYTES))
    for name in _spellings(revision):
        if found := _follow(repository, name, packed):
            return found
    branches = {name: sha for name, sha in packed.items() if name.startswith(_BRANCH)}
    loose = repository / "refs" / "heads"
    for path in files_in(loose) if is_folder(loose) else ():
        branches[_BRANCH + path.name] = _text(path, _LINE_BYTES).strip()
    return choose(branches, revision)


def choose(refs: dict[str, str], revision: str) -> str:
    """Give the object name of a revision out of all refs; instead of a `HEAD` that leads nowhere, the only branch.

    Raises:
        BadArchive: See `read_revision`.
        ConfigError: See `read_revision`.
    """
    for name in _spellings(revision):
        if name in refs:
            return _checked(refs[name])
    branches = sorted(name.removeprefix(_BRANCH) for name in refs if name.startswith(_BRANCH))
    if revision == HEAD and len(branches) == 1:
        return _checked(refs[_BRANCH + branches[0]])
    named = tuple(f"`{visible(name, 60)}`" for name in branches[:5])
    if revision == HEAD:
        none = message("none")
        raise BadArchive(message("its HEAD names no branch that is there; branches: {names}", names=named or none))
    raise ConfigError(
        f"There is no revision {revision!r} in the repository; branches: {', '.join(named) or 'none'}.",
        remedy="Name a branch, a tag or an object name (7 digits or more) behind the `#`.",
    )


def _spellings(revision: str) -> tuple[str, ...]:
    """Give the full names that a short one may stand for, in git's order (gitrevisions(7))."""
    return (revision, f"refs/{revision}", f"refs/tags/{revision}", _BRANCH + revision)


def read_bundle_head(file: IO[bytes], name: str) -> dict[str, str]:
    """Read the head of a bundle and give its refs; the file then stands at the pack.

    Raises:
        BadArchive: It is damaged, or holds only a part of a history.
        ConfigError: It cannot be read.
    """
    refs: dict[str, str] = {}
    with reading(name):
        file.readline(_LINE_BYTES)
        while (line := file.readline(_LINE_BYTES)) != b"\n":
            text = line.decode("utf-8", "replace").rstrip("\n")
            if text == "@object-format=sha256":
                raise BadArchive(SHA256)
            if text.startswith("-"):
                raise BadArchive(
                    message("the bundle needs commits that it does not hold; make it with `git bundle create`")
                )
            if not line.endswith(b"\n") or len(refs) > _LINE_BYTES or text.startswith("@filter"):
                raise BadArchive(message("the bundle's head is damaged"))
            if not text.startswith("@"):
                sha, _, ref = text.partition(" ")
                refs[ref] = sha
    return refs


def _packed(text: str) -> dict[str, str]:
    rows = (line.partition(" ") for line in text.splitlines() if line[:1] not in ("#", "^"))
    return {name: sha for sha, _, name in rows}


def _follow(repository: Path, name: str, packed: dict[str, str]) -> str | None:
    for _ in range(_MOST_HOPS):
        if not re.fullmatch(r"HEAD|refs/[^\0]{1,1000}", name) or ".." in name:
            return None
        if not all(is_folder(repository.joinpath(*name.split("/")[:end])) for end in range(1, name.count("/") + 1)):
            text = ""
        else:
            text = _text(repository / name, _LINE_BYTES).strip()
        if not text.startswith("ref:"):
            found = text or packed.get(name)
            return _checked(found) if found else None
        name = text.removeprefix("ref:").strip()
    return None


def _checked(sha: str) -> str:
    if not _SHA1.fullmatch(sha):
        raise BadArchive(SHA256 if len(sha) == 64 else message("a ref holds no object name"))
    return sha


def _text(path: Path, most_bytes: int) -> str:
    try:
        with reading(path.name):
            content = read_plain(path, most_bytes=most_bytes + 1)
    except NotPlainFile as problem:
        raise BadArchive(problem.words) from problem
    except ConfigError:
        if path.exists():
            raise
        return ""
    if len(content) > most_bytes:
        raise BadArchive(message("{file} is larger than {most} bytes", file=path.name, most=most_bytes))
    return content.decode("utf-8", "surrogateescape")
