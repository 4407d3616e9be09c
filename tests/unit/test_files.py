"""Files are written whole or not at all, and read through no link."""

import os
from pathlib import Path

import pytest

from harness.files import NotPlain, read_untrusted, write_whole


def test_write_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_whole(tmp_path / "deep" / "file", b"content")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
    assert (tmp_path / "deep" / "file").read_bytes() == b"content"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_whole(target, b"old")
    with pytest.raises(TypeError):
        write_whole(target, "not bytes")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_read_takes_a_plain_file_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    assert read_untrusted(tmp_path, "a/b", max_bytes=5) == b"12345"


def test_read_refuses_links_devices_and_size(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "fifo")
    (root / "big").write_bytes(b"123456")
    for relative, words in [
        ("link", "symbolic links"),
        ("folder/secret", "not a directory|symbolic links"),
        ("fifo", "not a plain file"),
        ("missing", "no such file"),
        ("big", "larger than"),
    ]:
        with pytest.raises(NotPlain, match=words):
            read_untrusted(root, relative, max_bytes=5)
