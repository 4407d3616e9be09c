"""What is recorded comes back the same, whoever writes at the same time, dies or prunes; what is damaged does not."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.intake.downloads.blobs import Damaged
from harness.intake.downloads.store import DownloadStore, key_of
from harness.intake.downloads.tree import Unrepeatable, look
from harness.model.download import Entry, Recording

from .conftest import DIGEST, FIRST, about, hand_in

Recorded = Callable[[Callable[[Path], None]], Recording]
Replayed = Callable[[Recording], Path]


def change(tree: Path) -> None:
    """Do what a download.sh may do: of each kind of change one, with names that are hard."""
    (tree / "adapter").mkdir()
    (tree / "adapter" / "weights").write_bytes(os.urandom(100_000))
    (tree / "download.sh").write_text("changed\n")
    (tree / "code" / "main.py").unlink()
    (tree / "code").rmdir()
    (tree / "code").symlink_to("/etc")
    (tree / "empty").mkdir(mode=0o700)
    (tree / "run").write_text("x")
    (tree / "run").chmod(0o755)
    odd = os.fsencode(tree) + b"/\xff\n \xe5\x90%2F.."
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write(b"odd")
    os.symlink(b"\xfe", odd + b"-link")  # noqa: PTH211


def test_a_replay_makes_what_the_fetch_made(recorded: Recorded, replayed: Replayed, tmp_path: Path) -> None:
    recording = recorded(change)
    made, again = look(tmp_path / "fetch-0" / "tree"), look(replayed(recording))
    assert made.keys() == again.keys()
    for path, one in made.items():
        assert replace(again[path], mode=0) == replace(one, mode=0)
    assert again[b"run"].mode == 0o755
    assert again[b"empty"].mode == 0o755, "everybody may read what is replayed"


def test_a_recording_says_all_that_was_asked(recorded: Recorded, store: DownloadStore) -> None:
    recording = recorded(change)
    ((path, read),) = store.all()
    assert read == recording
    assert (recording.key, recording.fetched_at) == (
        key_of(DIGEST, ["bash", "download.sh"]),
        "2026-12-31T20:14:00.000+00:00",
    )
    assert path.name.startswith("20261231T201400.000Z-")
    assert recording.removed == ("code", "code/main.py")
    assert {one.kind for one in recording.entries} == {"file", "folder", "link"}


def test_a_newer_recording_leaves_the_older_one(recorded: Recorded, store: DownloadStore) -> None:
    old, new = recorded(change), recorded(lambda tree: (tree / "x").touch())
    assert list(store.history(old.key)) == [new, old]
    assert list(store.history(key_of(DIGEST, ["sh", "download.sh"]))) == []


def test_a_pipe_cannot_be_recorded(recorded: Recorded, store: DownloadStore) -> None:
    with pytest.raises(Unrepeatable, match="pipe"):
        recorded(lambda tree: os.mkfifo(tree / "pipe"))
    assert list(store.all()) == []


@pytest.mark.parametrize("path", ["../x", "code/../../x", "/x", "code%2F..%2F..%2Fx", "", "code//x", "code/%00", "."])
def test_no_path_leads_out(recorded: Recorded, store: DownloadStore, tmp_path: Path, path: str) -> None:
    recording = recorded(change)
    entry = Entry(path=path, kind="link", mode=0o777, bytes=0, sha256=None, target="x")
    tree = hand_in(tmp_path / "victim")
    before = look(tmp_path / "victim")
    with pytest.raises(PermissionError, match="is no path below the submission"):
        store.replay(
            replace(recording, entries=(entry,), removed=()), tree, scratch=tmp_path / "s", logs=logs(tmp_path)
        )
    assert look(tree) == before


def logs(folder: Path) -> tuple[Path, Path]:
    return folder / "out", folder / "err"


def test_nothing_is_written_through_a_link(recorded: Recorded, store: DownloadStore, tmp_path: Path) -> None:
    recording = recorded(lambda tree: (tree / "code" / "new").write_text("x") and None)
    tree, outside = tmp_path / "victim", tmp_path / "outside"
    outside.mkdir()
    tree.mkdir()
    (tree / "code").symlink_to(outside)
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        store.replay(recording, tree, scratch=tmp_path / "s", logs=logs(tmp_path))
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced(recorded: Recorded, store: DownloadStore, tmp_path: Path) -> None:
    recording = recorded(lambda tree: (tree / "download.sh").write_text("new") and None)
    tree, outside = hand_in(tmp_path / "victim"), tmp_path / "outside"
    outside.write_text("not touched")
    (tree / "download.sh").unlink()
    (tree / "download.sh").symlink_to(outside)
    store.replay(recording, tree, scratch=tmp_path / "s", logs=logs(tmp_path))
    assert ((tree / "download.sh").read_text(), outside.read_text()) == ("new", "not touched")


def blob_of(store: DownloadStore, recording: Recording, path: str) -> Path:
    (sha256,) = (one.sha256 for one in recording.entries if one.path == path)
    assert sha256 is not None
    return store.root / "blobs" / sha256[:2] / sha256


@pytest.mark.parametrize("damage", ["other", "short", "gone", "link"])
def test_a_damaged_blob_is_never_replayed(
    recorded: Recorded, replayed: Replayed, store: DownloadStore, tmp_path: Path, damage: str
) -> None:
    recording = recorded(change)
    blob = blob_of(store, recording, "adapter/weights")
    content = blob.read_bytes()
    blob.unlink()
    if damage == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        blob.symlink_to(tmp_path / "elsewhere")
    elif damage != "gone":
        blob.write_bytes(content[:-1] if damage == "short" else b"x" + content[1:])
    with pytest.raises(Damaged, match=f"the blob {blob.name} "):
        replayed(recording)
    handed_in = hand_in(tmp_path / "handed-in")
    assert look(tmp_path / "replay-0" / "tree") == look(handed_in)
    assert any(blob.name in one for one in store.verify())


def test_recording_again_mends_a_damaged_blob(recorded: Recorded, store: DownloadStore) -> None:
    def same(tree: Path) -> None:
        (tree / "x").write_text("the same each time")

    blob = blob_of(store, recorded(same), "x")
    blob.chmod(0o644)
    blob.write_text("another")
    recorded(same)
    assert blob.read_text() == "the same each time"
    assert list(store.verify()) == []


@pytest.mark.parametrize("text", ["", "{", "{}", '{"schema": "download.v1"}', "\0" * 1000])
def test_a_torn_recording_is_told_and_the_older_one_stays(recorded: Recorded, store: DownloadStore, text: str) -> None:
    old = recorded(change)
    place = store.root / "recordings" / old.key / "20270101T000000.000Z-aaaaaaaa.json"
    place.write_text(text)
    torn, older = store.history(old.key)
    assert isinstance(torn, Damaged) and older == old
    assert "20270101T000000.000Z-aaaaaaaa.json cannot be read: " in str(torn)
    assert list(store.verify()) == [str(torn)]


def test_a_recording_at_another_place_is_damaged(recorded: Recorded, store: DownloadStore) -> None:
    recorded(change)
    ((path, _),) = store.all()
    (path.parent.parent / ("1" * 64)).mkdir()
    other = path.parent.parent / ("1" * 64) / path.name
    other.write_bytes(path.read_bytes())
    (found,) = store.history("1" * 64)
    assert isinstance(found, Damaged) and "is another fetch's" in str(found)


def test_threads_that_record_the_same_fetch(store: DownloadStore, tmp_path: Path) -> None:
    errors: list[BaseException] = []
    content = os.urandom(200_000)

    def run(number: int) -> None:
        tree = hand_in(tmp_path / f"thread-{number}" / "tree")
        before = look(tree)
        (tree / "weights").write_bytes(content)
        try:
            store.record(tree, before, look(tree), about(tree.parent))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []
    key = key_of(DIGEST, ["bash", "download.sh"])
    assert len([one for one in store.history(key) if isinstance(one, Recording)]) == 8
    assert len(store.sizes()) == 3
    assert list((store.root / "tmp").iterdir()) == []
    assert list(store.verify()) == []


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from harness.intake.downloads.store import DownloadStore
from harness.intake.downloads.tree import look
from tests.unit.intake.downloads.conftest import about, hand_in
store, folder = DownloadStore(Path(sys.argv[1])), Path(sys.argv[2])
tree = hand_in(folder / "tree")
before = look(tree)
for number in range(40):
    (tree / f"file-{number}").write_bytes(bytes([number]) * 300_000)
after = look(tree)
print("now", flush=True)
store.record(tree, before, after, about(folder))
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.08])
def test_a_kill_leaves_no_half_recording(store: DownloadStore, root: Path, tmp_path: Path, delay_s: float) -> None:
    harness = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store.root), str(tmp_path / "killed"), str(root)], stdout=subprocess.PIPE
    )
    assert harness.stdout is not None
    with harness:
        assert harness.stdout.readline() == b"now\n"
        time.sleep(delay_s)
        harness.send_signal(signal.SIGKILL)
    assert list(store.verify()) == []
    for _, one in store.all():  # the kill may have come too late
        assert isinstance(one, Recording) and len(one.entries) == 40
    store.prune(before=FIRST + timedelta(days=10_000))
    assert list((store.root / "tmp").glob("*")) == []
    assert store.sizes() == {}


def test_pruning_keeps_what_a_newer_recording_needs(
    recorded: Recorded, replayed: Replayed, store: DownloadStore
) -> None:
    def bring(*names: str) -> Recording:
        return recorded(lambda tree: [(tree / name).write_text(name * 1000) for name in names] and None)

    bring("a", "b")
    newer = bring("b", "c")
    gone = store.prune(before=FIRST + timedelta(hours=1))
    assert (gone.recordings, gone.blobs, gone.bytes) == (1, 1, 1000)
    assert (replayed(newer) / "b").read_text() == "b" * 1000
    assert list(store.verify()) == []


def test_pruning_waits_for_who_records(store: DownloadStore, recorded: Recorded) -> None:
    recorded(change)
    done = threading.Event()
    with store._locked(1):  # LOCK_SH, as recording holds it
        thread = threading.Thread(
            target=lambda: (store.prune(before=FIRST + timedelta(days=9)), done.set()), daemon=True
        )
        thread.start()
        assert not done.wait(0.2)
    assert done.wait(5)
    thread.join()
    assert list(store.all()) == []


def test_a_store_that_cannot_be_made_is_said_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"store of downloads .*/file cannot be written: ") as caught:
        DownloadStore(tmp_path / "file")
    assert caught.value.remedy == "Give a folder of yours with --downloads."


@pytest.mark.slow
def test_ten_thousand_files(recorded: Recorded, replayed: Replayed) -> None:
    def bring(tree: Path) -> None:
        for number in range(10_000):
            folder = tree / f"folder-{number % 100}"
            folder.mkdir(exist_ok=True)
            (folder / str(number)).write_text(str(number % 500))

    start = time.monotonic()
    recording = recorded(bring)
    tree = replayed(recording)
    assert sum(1 for one in tree.rglob("*") if one.is_file()) == 10_002
    assert time.monotonic() - start < 60


def test_the_key_is_told_apart_by_tree_and_command() -> None:
    keys = {key_of(tree, command) for tree in ("a", "b") for command in (["x y"], ["x", "y"])}
    assert len(keys) == 4 and all(len(one) == 64 for one in keys)


def test_the_text_is_json_of_ascii(recorded: Recorded, store: DownloadStore) -> None:
    recorded(change)
    ((path, _),) = store.all()
    text = path.read_bytes()
    assert text.isascii()
    assert json.loads(text)["entries"][0]["kind"] == "folder" or b"%FF%0A" in text
