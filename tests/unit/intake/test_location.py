"""A path is a path; `file://` names a git repository; other URLs are refused in words that say what to do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.intake.location import SourceLocation, read_location


@pytest.mark.parametrize(
    ("text", "path", "revision"),
    [
        ("r13921031.zip", "r13921031.zip", None),
        ("/srv/r1", "/srv/r1", None),
        ("C:/x", "C:/x", None),
        ("file:///srv/r1.git", "/srv/r1.git", "HEAD"),
        ("file:///srv/r1.git#topic/late", "/srv/r1.git", "topic/late"),
        ("file:///srv/a%20b.git#v2", "/srv/a b.git", "v2"),
        ("FILE:///srv/r1.git#HEAD", "/srv/r1.git", "HEAD"),
    ],
)
def test_locations(text: str, path: str, revision: str | None) -> None:
    assert read_location(Path(text)) == SourceLocation(path=Path(path), revision=revision)


@pytest.mark.parametrize("text", ["https://example.org/r1.git", "ssh://host/r1", "git+ssh://x/y", "ext::sh -c x://"])
def test_other_urls_are_not_fetched(text: str) -> None:
    if text.startswith("ext"):
        assert read_location(Path(text)).revision is None  # no URL: a path that is not there
        return
    with pytest.raises(ConfigError, match="submissions are not fetched") as caught:
        read_location(Path(text))
    assert "file:///PATH#REVISION" in caught.value.remedy


@pytest.mark.parametrize("revision", ["--upload-pack=x", "a..b", "a b", "x" * 201, "@{-1}", "a:b", "a^{commit}"])
def test_revisions_that_are_no_names(revision: str) -> None:
    with pytest.raises(ConfigError, match="is no name of a revision"):
        read_location(Path(f"file:///srv/r1.git#{revision}"))


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_revision_that_is_not_there_ends_it_here(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "r1.git"], check=True)
    with pytest.raises(ConfigError, match=r"There is no revision 'v9' in the repository; branches: none\.") as caught:
        read_location(Path(f"file://{tmp_path}/r1.git#v9"))
    assert caught.value.remedy.startswith("Name a branch, a tag or an object name")


def test_what_is_there_under_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file:/a").mkdir(parents=True)
    assert read_location(Path("file:/a")).revision is None
