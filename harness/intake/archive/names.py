"""Decides what the name of an archive entry means, and whether it may be used. Pure: touches no file."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.language import WordedError, message

MAX_PART_BYTES = 255
MAX_PATH_BYTES = 1024
MAX_DEPTH = 32

_JUNK_NAMES = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
_JUNK_PREFIX = "._"
_DRIVE = re.compile(r"[A-Za-z]:")
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Tried in this order. cp950 is Big5 as Windows writes it; cp437 is what zip means without a flag and takes any byte.
_ENCODINGS = ("utf-8", "cp950", "cp437")


class RefusedName(WordedError):
    """The name may not be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryName:
    """A name that is safe to use below a folder: plain parts, no `..`, and whether it had to be repaired."""

    parts: tuple[str, ...]
    repaired: bool

    @property
    def path(self) -> str:
        """The parts joined by slashes; empty for the root itself."""
        return "/".join(self.parts)


def read_name(raw: bytes, *, is_utf8: bool) -> EntryName:
    """Decode an entry's name and make sure that it stays below the root.

    Args:
        raw: The name as it stands in the archive, with `/` or (Windows) `\\` between its parts.
        is_utf8: The archive says, or its format implies, that names are UTF-8.

    Raises:
        RefusedName: It is absolute, climbs out, is too long or deep, or holds control characters.
    """
    text, encoding = _decode(raw)
    repaired = "\\" in text or (not raw.isascii() and not (is_utf8 and encoding == "utf-8"))
    text = text.replace("\\", "/")
    if text.startswith("/") or _DRIVE.match(text):
        raise RefusedName(message("the path is absolute"))
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    _check(parts)
    return EntryName(parts=parts, repaired=repaired)


def _decode(raw: bytes) -> tuple[str, str]:
    if wide := _decode_utf16(raw):
        return wide, "utf-16"
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise AssertionError("cp437 decodes every byte")


def _decode_utf16(raw: bytes) -> str | None:
    """Read a name that is UTF-16: with a mark, or with a zero byte beside each of at least two ASCII characters."""
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    zeros = [at % 2 for at, byte in enumerate(raw) if byte == 0]
    if len(raw) % 2 or not (marked or (len(zeros) > 1 and len(set(zeros)) == 1)):
        return None
    try:
        return raw.decode("utf-16" if marked else "utf-16-le" if zeros[0] else "utf-16-be")
    except UnicodeDecodeError:
        return None


def _check(parts: tuple[str, ...]) -> None:
    if ".." in parts:
        raise RefusedName(message("the path climbs out of its folder with `..`"))
    if len(parts) > MAX_DEPTH:
        raise RefusedName(message("the path is more than {most} folders deep", most=MAX_DEPTH))
    if any(_is_unsafe(char) for part in parts for char in part):
        raise RefusedName(message("the name holds control characters"))
    sizes = [len(part.encode()) for part in parts]
    if max(sizes, default=0) > MAX_PART_BYTES or sum(sizes) + len(sizes) > MAX_PATH_BYTES:
        raise RefusedName(
            message(
                "the name is longer than {most} bytes, or its path than {most_of_path}",
                most=MAX_PART_BYTES,
                most_of_path=MAX_PATH_BYTES,
            )
        )


def _is_unsafe(char: str) -> bool:
    return char in _BIDIRECTIONAL or unicodedata.category(char) in _UNSAFE_CATEGORIES


def folded(name: str) -> str:
    """Give the form in which a case- or normalisation-insensitive file system compares names.

    Canonical caseless matching: Unicode Standard, section 3.13, definition D145.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def is_ignored(parts: Sequence[str], patterns: Sequence[str], *, wrapped: bool = True) -> bool:
    """Tell whether an entry is left out: what operating systems add by themselves, and the assignment's patterns.

    A pattern without a slash matches any part of the path; one with a slash matches from the root on (or, while a
    wrapping folder may still be there, from the second part on) and everything below what it matches.
    """
    if any(part in _JUNK_NAMES or part.startswith(_JUNK_PREFIX) for part in parts):
        return True
    return any(_matches(parts, pattern.rstrip("/"), wrapped=wrapped) for pattern in patterns)


def _matches(parts: Sequence[str], pattern: str, *, wrapped: bool) -> bool:
    if "/" not in pattern:
        return any(fnmatchcase(part, pattern) for part in parts)
    starts = (0, 1) if wrapped else (0,)
    paths = ("/".join(parts[start:end]) for start in starts for end in range(start + 1, len(parts) + 1))
    return any(fnmatchcase(path, pattern) or fnmatchcase(path + "/", pattern) for path in paths)
