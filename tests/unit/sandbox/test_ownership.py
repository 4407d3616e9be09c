"""Handing folders over never touches what links point to."""

import os
from pathlib import Path

import pytest

from harness.sandbox.interface import Mount
from harness.sandbox.ownership import hand_over, make_writable_sources


def test_only_writable_sources_are_made(tmp_path: Path) -> None:
    kept, made = tmp_path / "a/kept", tmp_path / "b/made"
    make_writable_sources([Mount(source=kept, target="/k"), Mount(source=made, target="/m", writable=True)])
    assert made.is_dir()
    assert not kept.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_hand_over(tmp_path: Path) -> None:
    outside, given = tmp_path / "outside", tmp_path / "given"
    outside.mkdir()
    (outside / "f").touch()
    (given / "d").mkdir(parents=True)
    (given / "d/f").touch()
    (given / "link").symlink_to(outside)
    (given / "d/broken").symlink_to("/nowhere")
    hand_over([Mount(source=given, target="/g", writable=True), Mount(source=outside, target="/o")], uid=65532, gid=7)
    for path in (given, given / "d", given / "d/f", given / "link", given / "d/broken"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (65532, 7)
    for path in (outside, outside / "f", tmp_path):
        assert path.lstat().st_uid == 0
