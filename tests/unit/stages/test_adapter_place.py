"""Where download.sh left the adapter, and the command that brings it where it belongs: the command is run."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.model.finding import Finding
from harness.stages.adapter_place import check_place

SAID = "Its last lines:\ncurl: (22) The requested URL returned error: 404"
FILES = ("adapter_config.json", "adapter_model.safetensors")


def check(tree: Path, adapter: str = "adapter_checkpoint", packed: tuple[str, ...] = ()) -> list[Finding]:
    return check_place(tree, adapter, packed={os.fsencode(one) for one in packed}, said=SAID)


def leave(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("{}")


def test_an_adapter_in_its_place_is_nothing_to_say(tmp_path: Path) -> None:
    leave(tmp_path / "adapter_checkpoint", *FILES)
    leave(tmp_path / "sample", FILES[0])
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (False, "there is no folder `adapter_checkpoint`"),
        (True, "the folder `adapter_checkpoint` is empty"),
    ],
)
def test_what_brought_nothing_is_quoted(tmp_path: Path, make: bool, seen: str) -> None:
    if make:
        (tmp_path / "adapter_checkpoint").mkdir()
    (found,) = check(tmp_path)
    assert (found.code, found.limit) == ("FET004", "adapter_checkpoint/")
    assert found.seen == f"download.sh ended well, but {seen}. {SAID}"
    assert found.fix.startswith("Begin download.sh with `set -e`")


@pytest.mark.parametrize("place", [".", "out", "a/b c", "it's", "-o"])
@pytest.mark.parametrize("there", ["nothing", "empty", "other"])
def test_an_adapter_elsewhere_is_named_and_the_command_mends_it(tmp_path: Path, place: str, there: str) -> None:
    leave(tmp_path / place, *FILES)
    if there != "nothing":
        leave(tmp_path / "adapter_checkpoint", *(["README.md"] if there == "other" else []))
    (found,) = check(tmp_path)
    assert found.code == "FET004"
    assert f"; it lies at `{(Path(place) / FILES[0]).as_posix()}`. {SAID}" in found.seen
    command = found.fix.removeprefix("End download.sh with: `").removesuffix("`")
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
    assert check(tmp_path) == []
    assert {one.name for one in (tmp_path / "adapter_checkpoint").iterdir()} >= set(FILES)


def test_what_lies_below_its_folder_is_the_gates(tmp_path: Path) -> None:
    leave(tmp_path / "adapter_checkpoint" / "checkpoint-9", *FILES)
    leave(tmp_path / "out", *FILES)
    assert check(tmp_path) == []


def test_a_packed_sample_is_not_taken_for_the_adapter(tmp_path: Path) -> None:
    leave(tmp_path / "sample", *FILES)
    leave(tmp_path / "adapter_checkpoint", "README.md")
    assert check(tmp_path, packed=("sample/adapter_config.json",)) == []
    assert [one.code for one in check(tmp_path)] == ["FET004"]


def test_several_places_are_listed_the_highest_first(tmp_path: Path) -> None:
    for name in ("z", "a/deep", "b", "c"):
        leave(tmp_path / name, *FILES)
    (found,) = check(tmp_path)
    assert "it lies at `b/adapter_config.json`, `c/adapter_config.json`, `z/adapter_config.json`. " in found.seen


def test_a_link_elsewhere_is_not_followed(tmp_path: Path) -> None:
    leave(tmp_path / "real", *FILES)
    tree = tmp_path / "tree"
    (tree / "out").mkdir(parents=True)
    (tree / "out" / FILES[0]).symlink_to(tmp_path / "real" / FILES[0])
    (tree / "linked").symlink_to(tmp_path / "real")
    (found,) = check(tree)
    assert "it lies at" not in found.seen


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_checkpoint").symlink_to("/etc")
    (found,) = check(tmp_path)
    assert (found.code, found.seen) == ("FET005", "`adapter_checkpoint` is a link")
