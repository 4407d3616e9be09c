"""Links to the web: their form. Links inside are held by the build of the site (`make docs`)."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from markdown_it import MarkdownIt


def links(path: Path) -> list[str]:
    """Give the targets of all links and pictures of a Markdown file."""
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or ()]
    return [str(child.attrs.get("href") or child.attrs.get("src")) for child in inline if child.attrs]


def markdown_files(root: Path) -> list[Path]:
    folders = ("docs", "submission", "assignments", "benchmarks", "requirements")
    return [*root.glob("*.md"), *(path for folder in folders for path in root.glob(f"{folder}/**/*.md"))]


def wrong(link: str) -> str:
    """Say what is wrong with the form of a link, or nothing."""
    parts = urlsplit(link)
    if not parts.scheme and not parts.netloc:
        return "an absolute path means nothing on another machine" if link.startswith("/") else ""
    if parts.scheme != "https":
        return "not https"
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", parts.netloc):
        return "no public host"
    return "a blank or a stop at its end" if re.search(r"\s|%20|[.,;:]$", link) else ""


def test_every_link_to_the_web_is_well_formed(root: Path) -> None:
    files = markdown_files(root)
    found = {
        f"{path.relative_to(root)}: {link}: {why}" for path in files for link in links(path) if (why := wrong(link))
    }
    assert not found
    assert sum(len(links(path)) for path in files) > 50


def test_what_is_wrong_is_seen() -> None:
    assert wrong("http://example.org/") == "not https"
    assert wrong("https://localhost/x") == "no public host"
    assert wrong("https://example.org/x.") == "a blank or a stop at its end"
    assert wrong("/home/x.md") == "an absolute path means nothing on another machine"
    assert not wrong("https://example.org/x") and not wrong("../README.md#see-it-work")
