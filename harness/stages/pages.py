"""Finds web pages that download.sh brought where a file belongs, and tells what they say. Follows no link."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from harness.files import NotPlain, read_untrusted
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS
from harness.language import Message, message
from harness.model.finding import Finding, finding
from harness.stages.host_faults import QUOTA
from harness.text import visible

Kind = Literal["quota", "busy", "closed", "scan", "other"]
MOST_BYTES = 2_000_000
MOST_FILES = 50
_HTML = re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head)\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_QUOTA_TITLE = "Google Drive - Quota exceeded"
_BUSY = re.compile(
    r"(?:error )?(?:429|50[0234])\b.*|too many requests|service (?:temporarily )?unavailable", re.IGNORECASE
)
_CLOSED = re.compile(r"sign[ -]?in|log ?in|access denied|you need (?:access|permission)|request access", re.IGNORECASE)
_SCAN = re.compile(r"virus scan warning|can't scan this file for viruses", re.IGNORECASE)
HOW_TO_SHARE = message(
    "Share the file so that it needs no account: on Google Drive, Share, General access, `Anyone with the link`; then "
    "try the link in a private window, and `bash download.sh` in an empty copy of the folder."
)
_FIXES: Mapping[str, Message] = MappingProxyType(
    {
        "closed": HOW_TO_SHARE,
        "scan": message(
            "Google Drive asks before it gives out a large file: fetch it with `gdown FILE_ID`, which answers."
        ),
        "other": message(
            "Use the link of the file itself, not that of the page which shows it, and `curl -fL` or `gdown`."
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A web page: where it lies, its title, and what it is: `quota` and `busy` are the host's own failure."""

    path: str
    title: str
    kind: Kind


def find_pages(tree: Path, brought: Mapping[str, int], *, adapter: str, missing: bool) -> list[Page]:
    """Find web pages that are why there is no adapter: in its place or, where there is none, anywhere.

    A page that calls itself one (`.html`) is none of these.

    Args:
        tree: The submission's root.
        brought: Paths of the plain files that download.sh brought, with their sizes in bytes.
        adapter: Where the assignment wants the adapter's folder.
        missing: Whether there is no adapter.
    """
    places = {f"{adapter}/{name}" for name in (CONFIG, WEIGHTS)}
    suspects = [
        path
        for path, size_bytes in sorted(brought.items())
        if size_bytes <= MOST_BYTES and (path in places or (missing and not path.lower().endswith((".html", ".htm"))))
    ]
    return [page for path in suspects[:MOST_FILES] if (page := _page(tree, path))]


def _page(tree: Path, path: str) -> Page | None:
    try:
        content = read_untrusted(tree, path, max_bytes=MOST_BYTES)
    except NotPlain:
        return None
    text = content.decode("utf-8", "replace")
    if not _HTML.match(text):
        return None
    found = _TITLE.search(text)
    title = html.unescape(found[1]).strip() if found else ""
    kind: Kind = "other"
    if title == _QUOTA_TITLE or QUOTA in text:
        kind = "quota"
    elif _BUSY.fullmatch(title):
        kind = "busy"
    elif _SCAN.search(html.unescape(text)):
        kind = "scan"
    elif _CLOSED.search(title):
        kind = "closed"
    return Page(path=path, title=title, kind=kind)


def about_pages(pages: Sequence[Page]) -> list[Finding]:
    """Give the finding for the first of the pages, or none where there are none."""
    if not pages:
        return []
    first = pages[0]
    path = visible(first.path, 200)
    seen = message("`{path}` is a web page.", path=path)
    if first.title:
        seen = message('`{path}` is a web page, titled "{title}".', path=path, title=visible(first.title, 80))
    return [finding("FET013", seen, limit=message("the file itself"), fix=_FIXES.get(first.kind))]
