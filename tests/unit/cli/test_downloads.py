"""`harness downloads` as it is called."""

import subprocess
import sys
from pathlib import Path

from harness.intake.downloads.store import DownloadStore
from harness.intake.downloads.tree import look

from ..intake.downloads.conftest import about, hand_in


def downloads(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "downloads", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_list_verify_and_prune(tmp_path: Path) -> None:
    store = DownloadStore(tmp_path / "store")
    tree = hand_in(tmp_path / "tree")
    before = look(tree)
    (tree / "weights").write_bytes(b"x" * 2_000_000)
    recording = store.record(tree, before, look(tree), about(tmp_path))
    folder = str(store.root)
    listed = downloads("list", folder).stdout.splitlines()
    assert listed[0] == f"{recording.key[:12]}  {recording.fetched_at}  1 files, 2.0 MB"
    assert listed[1] == "3 blobs, 2.0 MB"
    assert downloads("verify", folder).stdout == "All is as it was recorded.\n"
    assert downloads("prune", folder, "--older-than", "1").stdout == "Removed 0 recordings and 0 blobs, 0.0 MB.\n"
    (blob,) = (one for one in (store.root / "blobs").rglob("*") if one.is_file() and one.stat().st_size == 2_000_000)
    blob.chmod(0o644)
    blob.write_bytes(b"y")
    verified = downloads("verify", folder)
    assert (verified.returncode, verified.stdout.splitlines()[0]) == (1, f"the blob {blob.name} is not what it was")
    assert downloads("prune", folder, "--older-than", "0").stdout.startswith(
        "Removed 1 recordings and 3 blobs, 0.0 MB."
    )


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    done = downloads("list", str(tmp_path / "none"))
    assert (done.returncode, "does not exist" in done.stderr) == (2, True)
