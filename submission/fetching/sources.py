"""Says what an ADAPTER_SOURCE means, and what went wrong when it could not be fetched.

Pure decisions: text in, a `Source` or a `FetchError` out. Must not open files or connections.
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Exit(IntEnum):
    """Exit statuses of download.py."""

    DONE = 0
    USAGE = 2
    MISSING_PACKAGE = 4
    NOT_FOUND = 11
    PERMISSION = 12
    QUOTA = 13
    NETWORK = 14
    WRONG_FILE = 15
    CHECKSUM = 16
    DISK = 17


class FetchError(Exception):
    """The adapter could not be fetched: what was seen, what to do, and the exit status."""

    def __init__(self, code: Exit, seen: str, *, remedy: str) -> None:
        super().__init__(f"{seen}\n  What to do: {remedy}")
        self.code, self.seen = code, seen


class Kind(StrEnum):
    """Where an adapter can lie."""

    DRIVE_FILE = "Google Drive file"
    DRIVE_FOLDER = "Google Drive folder"
    URL = "link"
    HUB = "hub repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to fetch from: `name` is a Drive id, a URL or owner/name on the hub."""

    kind: Kind
    name: str
    revision: str | None = None


FORMS = "a Drive file id or link, a Drive folder link, an https link to the zip, or hf:owner/name[@revision]"
DRIVE_HOSTS = frozenset({"drive.google.com", "docs.google.com", "drive.usercontent.google.com"})
_ID = r"[A-Za-z0-9_-]{15,}"
_HUB = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


def parse_source(text: str) -> Source:
    """Read an ADAPTER_SOURCE.

    Raises:
        FetchError: It is empty, or has none of the known forms.
    """
    text = text.strip()
    if not text:
        raise FetchError(Exit.USAGE, "ADAPTER_SOURCE in download.sh is empty", remedy=f"fill in {FORMS}")
    if match := _HUB.fullmatch(text):
        return Source(kind=Kind.HUB, name=match["name"], revision=match["revision"])
    if re.fullmatch(_ID, text):
        return Source(kind=Kind.DRIVE_FILE, name=text)
    unknown = FetchError(Exit.USAGE, f"ADAPTER_SOURCE {text!r} is of no known form", remedy=f"use {FORMS}")
    try:
        url = urllib.parse.urlsplit(text)
    except ValueError as error:
        raise unknown from error
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise unknown
    return _parse_drive(url) if url.hostname in DRIVE_HOSTS else Source(kind=Kind.URL, name=text)


def _parse_drive(url: urllib.parse.SplitResult) -> Source:
    if match := re.search(rf"/folders/({_ID})", url.path):
        return Source(kind=Kind.DRIVE_FOLDER, name=match[1])
    match = re.search(rf"/d/({_ID})", url.path) or re.search(rf"(?:^|&)id=({_ID})", url.query)
    if match:
        return Source(kind=Kind.DRIVE_FILE, name=match[1])
    raise FetchError(
        Exit.USAGE, f"no file id in the Drive link {url.geturl()}", remedy="use the link that Share > Copy link gives"
    )


SHARE = "in Drive, set Share > General access to 'Anyone with the link', then try the link in a private window"
QUOTA = (
    "wait (the quota comes back within 24 hours), or put a copy of the file elsewhere (another Drive file, the hub) "
    "and change ADAPTER_SOURCE"
)
# Drive and its sign-in pages are looked at in this order; all words in lower case.
_PAGES = (
    (Exit.QUOTA, ("too many users have viewed or downloaded", "quota exceeded", "exceeded the quota"), QUOTA),
    (
        Exit.NOT_FOUND,
        ("file you have requested does not exist", "page not found", "error 404", "not found"),
        "check the id or link in ADAPTER_SOURCE, and that the file has not been deleted",
    ),
    (
        Exit.PERMISSION,
        ("you need access", "need permission", "request access", "servicelogin", "accounts.google.com", "sign in"),
        SHARE,
    ),
)
_WORDS = {
    Exit.QUOTA: "Google Drive's download quota for this file is used up",
    Exit.NOT_FOUND: "there is no such file",
    Exit.PERMISSION: "the file is not public: a sign-in page came",
}


def page_error(text: str, *, where: str) -> FetchError:
    """Say what a web page means that came instead of the file.

    Args:
        text: The page, or the words of an error message.
        where: The source, for the message.
    """
    words = " ".join(text.lower().split())
    for code, markers, remedy in _PAGES:
        if any(marker in words for marker in markers):
            return FetchError(code, f"{where}: {_WORDS[code]}", remedy=remedy)
    remedy = "use a link that gives the file itself (Dropbox: dl=1 at the end; hub: /resolve/ in place of /blob/)"
    return FetchError(Exit.WRONG_FILE, f"{where}: a web page came instead of the file", remedy=remedy)


def status_error(status: int, text: str, *, where: str) -> FetchError:
    """Say what an HTTP error status means that another try will not change."""
    seen = f"{where} answered with HTTP status {status}"
    if status in {404, 410}:
        return FetchError(Exit.NOT_FOUND, f"{seen}: there is no such file", remedy="check ADAPTER_SOURCE")
    if status in {401, 403}:
        page = page_error(text, where=where)
        if page.code is Exit.QUOTA:
            return page
        return FetchError(Exit.PERMISSION, f"{seen}: the file is not public", remedy=f"make it public; {SHARE}")
    return FetchError(Exit.NETWORK, seen, remedy="open the link in a private browser window; then run this again")
