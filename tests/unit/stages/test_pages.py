"""Web pages in place of files: found where they matter, and told apart."""

from pathlib import Path

import pytest

from harness.stages.pages import HOW_TO_SHARE, about_pages, find_pages

QUOTA = "<p>Too many users have viewed or downloaded this file recently. Please try accessing the file again later.</p>"


def page(title: str, body: str = "") -> str:
    return f"\n<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (page("Google Drive - Quota exceeded", QUOTA), "quota"),
        (page("Google Drive", QUOTA), "quota"),
        (page("503 Service Unavailable"), "busy"),
        (page("429 Too Many Requests"), "busy"),
        (page("Google Drive: Sign-in"), "closed"),
        (page("Sign in - Google Accounts"), "closed"),
        (page("Google Drive - Access Denied"), "closed"),
        (page("Google Drive - Virus scan warning"), "scan"),
        (page("My notes on error 503 and quotas"), "other"),
        ("<html></html>", "other"),
    ],
)
def test_kinds(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "adapter.zip").write_text(text)
    (found,) = find_pages(tmp_path, {"adapter.zip": len(text)}, adapter="adapter", missing=True)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("path", "missing", "found"),
    [
        ("adapter/adapter_model.safetensors", False, True),
        ("adapter/adapter_config.json", False, True),
        ("confirm", False, False),
        ("confirm", True, True),
        ("notes.html", True, False),
    ],
)
def test_places(tmp_path: Path, path: str, missing: bool, found: bool) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / path).write_text(page("x"))
    assert bool(find_pages(tmp_path, {path: 99}, adapter="adapter", missing=missing)) is found


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "page").write_text(page("x"))
    (tmp_path / "link").symlink_to("page")
    assert find_pages(tmp_path, {"link": 9}, adapter="adapter", missing=True) == []


def test_the_finding_names_the_page_and_how_to_share(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text(page("Google Drive: Sign&#45;in\x1b[31m"))
    (found,) = about_pages(find_pages(tmp_path, {"a.zip": 9}, adapter="adapter", missing=True))
    assert (found.code, found.fix) == ("FET013", HOW_TO_SHARE)
    assert found.seen == '`a.zip` is a web page, titled "Google Drive: Sign-in\\x1b[31m".'
    assert about_pages([]) == []
