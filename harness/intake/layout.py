"""Where the submission's root is, whose it is, and whether the files asked for are there. Opens files only to hash."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from harness.errors import ConfigError
from harness.intake.archive.names import is_ignored
from harness.language import Message, clauses, message, some
from harness.model.assignment import SubmissionRules
from harness.model.finding import Finding, Location, finding
from harness.model.parity import RECEIPT
from harness.text import in_mb, visible

_ENDINGS = re.compile(r"(\.tar)?\.(zip|tar|tgz|txz|tbz2|gz|xz|bz2|zst|rar|7z)$", re.IGNORECASE)
_SHOWN = 3


def find_root(target: Path) -> Path:
    """Step into the one folder that wraps everything, if there is one."""
    items = list(target.iterdir())
    if len(items) == 1 and items[0].is_dir() and not items[0].is_symlink():
        return items[0]
    return target


def find_student_id(name: str, pattern: str) -> str | None:
    """Find the student id in the name of a folder or archive.

    There must be just one: a name with two ids is nobody's. It must stand alone, with no letter or digit next to it;
    `R13921031.zip` counts for a pattern of small letters.

    Args:
        name: File or folder name, with or without an ending such as `.tar.gz`.
        pattern: The assignment's regular expression.

    Returns:
        The id as the pattern spells it, or None.

    Raises:
        ConfigError: The pattern is no regular expression.
    """
    stem = _ENDINGS.sub("", name)
    try:
        expression = re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])")
    except re.error as problem:
        raise ConfigError(
            f"the pattern {pattern!r} of student ids is no regular expression: {problem}",
            remedy="Mend submission.student_id in the assignment.",
        ) from problem
    if not stem.isascii():
        stem = "".join(char if char.isascii() else "_" for char in stem)
    found = [match.group() for text in (stem, stem.lower(), stem.upper()) for match in expression.finditer(text)]
    return found[0] if len({one.lower() for one in found}) == 1 else None


def check_layout(
    root: Path, rules: SubmissionRules, *, entered: str = "", apart: str | None = None
) -> tuple[Finding, ...]:
    """Hold the files below `root` against the assignment: required, forbidden, number and size.

    `entered` is the folder of what was handed in that `root` was, where it was the only one: paths are said with it.
    `apart` is the path of a file whose bytes are not counted.
    """
    sizes = {
        path: (root / path).lstat().st_size
        for path in sorted(_files(root))
        if not is_ignored(path.split("/"), rules.ignored, wrapped=False)
    }
    return (*_missing(sizes, rules, entered), *_forbidden(sizes, rules), *_too_much(sizes, rules, apart))


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A file of a submission: path, kind (`x` executable, `-` not, `l` a link) and SHA-256 of its content."""

    path: str
    kind: str
    sha256: str


def tree_files(root: Path) -> tuple[TreeFile, ...]:
    """Hash the files below `root` in the order of the UTF-8 paths; of a link the target's name counts.

    An empty folder is listed, too, as of the kind `d`: a script may need it.

    The receipt of a check is left out: it tells of the other files, and is packed after they were checked.
    """
    paths = sorted(_files(root), key=lambda path: path.encode("utf-8", "surrogateescape"))
    found = []
    for path in paths:
        if path != RECEIPT:
            kind, sha256 = _content_sha256(root / path)
            found.append(TreeFile(path=path, kind=kind, sha256=sha256))
    return tuple(found)


def tree_sha256(root: Path) -> str:
    """Give the digest of the files below `root`, see `digest_of`."""
    return digest_of(tree_files(root))


def digest_of(files: Iterable[TreeFile]) -> str:
    """Give a digest of a submission's files: paths, x-bits and contents, whatever the order and times on disk.

    SHA-256 over `PATH NUL KIND SHA256 LF` of each file. The receipt of a check does not count.
    """
    digest = hashlib.sha256()
    for one in files:
        digest.update(one.path.encode("utf-8", "surrogateescape") + f"\0{one.kind}{one.sha256}\n".encode())
    return digest.hexdigest()


def _content_sha256(path: Path) -> tuple[str, str]:
    if path.is_symlink():
        return "l", hashlib.sha256(str(path.readlink()).encode("utf-8", "surrogateescape")).hexdigest()
    if path.is_dir():
        return "d", hashlib.sha256().hexdigest()
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return ("x" if path.stat().st_mode & 0o100 else "-"), content


def _files(root: Path) -> Iterator[str]:
    """Give the relative path of each plain file, link and empty folder; folders behind links are not entered."""
    folders = [root]
    while folders:
        for path in folders.pop().iterdir():
            if path.is_symlink() or path.is_file():
                yield path.relative_to(root).as_posix()
            elif path.is_dir():
                folders.append(path)
                if not any(path.iterdir()):
                    yield path.relative_to(root).as_posix()


def _missing(sizes: dict[str, int], rules: SubmissionRules, entered: str) -> Iterator[Finding]:
    for pattern in rules.required:
        found = [path for path in sizes if fnmatchcase(path, pattern)]
        if any(sizes[path] for path in found):
            continue
        if found:
            yield finding(
                "INT004",
                message("`{path}` is there, but empty", path=visible(found[0], 120)),
                where=Location(path=found[0]),
            )
        else:
            yield finding("INT004", _lacking(sizes, pattern, entered), where=Location(path=pattern))


def _lacking(sizes: dict[str, int], pattern: str, entered: str) -> Message:
    """Say what is not there, and name a file that was probably meant: other case, or another folder."""
    lacking = message("no `{pattern}`", pattern=pattern)
    for path in sizes:
        if fnmatchcase(path.lower(), pattern.lower()):
            other = message("`{path}` is there: capital and small letters count", path=visible(path, 120))
            return clauses(lacking, other)
    for path in sizes:
        if fnmatchcase(path.rpartition("/")[2].lower(), pattern.rpartition("/")[2].lower()):
            there = visible(str(PurePosixPath(entered) / path), 120)
            if path.endswith(f"/{pattern}"):
                folder = visible(str(PurePosixPath(entered) / path.removesuffix(f"/{pattern}")), 120)
                other = message("`{path}` is there: the folder to give is `{folder}`", path=there, folder=folder)
                return clauses(lacking, other)
            return clauses(lacking, message("`{path}` is there, in another place", path=there))
    return lacking


def _forbidden(sizes: dict[str, int], rules: SubmissionRules) -> Iterator[Finding]:
    """One finding for each pattern; a pattern without a slash is also held against the bare file name."""
    for pattern in rules.forbidden:
        small = pattern.lower()
        found = [
            path
            for path in sizes
            if fnmatchcase(path.lower(), small) or fnmatchcase(path.lower().rpartition("/")[2], small)
        ]
        if found:
            named = some([f"`{visible(path, 120)}` ({sizes[path] / 1e6:.1f} MB)" for path in found], _SHOWN)
            yield finding(
                "INT005", named, limit=message("no `{pattern}`", pattern=pattern), where=Location(path=found[0])
            )


def _too_much(sizes: dict[str, int], rules: SubmissionRules, apart: str | None) -> Iterator[Finding]:
    total_bytes = sum(size for path, size in sizes.items() if path != apart)
    if total_bytes > rules.max_bytes:
        seen = message("the files take {size}", size=f"{total_bytes / 1e6:.1f} MB")
        yield finding("INT003", seen, limit=message("at most {size}", size=in_mb(rules.max_bytes)))
    if len(sizes) > rules.max_files:
        yield finding(
            "INT003",
            message("{count} files", count=len(sizes)),
            limit=message("at most {count} files", count=rules.max_files),
        )
