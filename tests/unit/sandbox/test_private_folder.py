"""A job's temporary folder goes with the job, or at the next start of a harness; nobody else's is touched."""

import os
import tempfile
from pathlib import Path

import pytest

from harness.sandbox.owner import this_host, this_owner
from harness.sandbox.private_folder import private_folder, reap_folders


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_folder_is_private_and_goes(tmp_path: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        deep = folder
        for _ in range(50):
            deep = deep / "deep"
        deep.mkdir(parents=True)
        (folder / "deep").chmod(0)
        assert reap_folders() == 0  # its owner lives
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_dead_harnesses_are_reaped(tmp_path: Path) -> None:
    namespace = this_host().rpartition(":")[2]
    living = this_owner().replace(":", "_")
    pid = living.partition("_")[0]
    dead = tmp_path / f"lora-harness_{namespace}_{pid}_1_abc"
    spared = [
        tmp_path / f"lora-harness_{namespace}_{living}_abc",
        tmp_path / f"lora-harness_1{namespace}_{pid}_1_abc",
        tmp_path / "lora-harness_x",
        tmp_path / f"lora-harness_{namespace}_x_1_abc",
    ]
    for folder in (dead, *spared):
        folder.mkdir()
    (dead / "file").write_text("x")
    link = tmp_path / f"lora-harness_{namespace}_{pid}_2_abc"
    link.symlink_to(spared[0])
    assert reap_folders() == 1
    assert sorted(tmp_path.iterdir()) == sorted([*spared, link])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_folder_of_another_user_is_spared(tmp_path: Path) -> None:
    namespace = this_host().rpartition(":")[2]
    folder = tmp_path / f"lora-harness_{namespace}_{os.getpid()}_1_abc"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    assert reap_folders() == 0
    assert folder.exists()
