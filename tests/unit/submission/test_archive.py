"""No zip writes anything outside the folder it is unpacked to, and only one with an adapter is unpacked at all."""

import contextlib
import stat
import zipfile
from pathlib import Path

import pytest
from fetching import archive
from fetching.sources import Exit, FetchError
from loopback import adapter_entries, zip_bytes


def unpack(tmp_path: Path, content: bytes) -> list[str]:
    """Unpack in a folder deep enough to see what leaks out of it, and list all that was written."""
    source = tmp_path / "source.zip"
    source.write_bytes(content)
    archive.unpack_zip(source, tmp_path / "deep" / "er" / "adapter")
    return sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file() and p != source)


@pytest.mark.parametrize("prefix", ["", "adapter_checkpoint/", "a/b/"])
def test_folder_inside_or_not(tmp_path: Path, prefix: str) -> None:
    mac = {"__MACOSX/adapter_config.json": b"x", "__MACOSX/adapter_model.safetensors": b"x", ".DS_Store": b"x"}
    written = unpack(tmp_path, zip_bytes(adapter_entries(prefix) | mac | {"README.md": b"hello"}))
    assert written == [f"deep/er/adapter/{name}" for name in adapter_entries()]
    assert (tmp_path / "deep/er/adapter/adapter_config.json").read_bytes() == adapter_entries()["adapter_config.json"]


@pytest.mark.parametrize(
    "name",
    ["../adapter_config.json", "/etc/adapter_config.json", "a/../../x", "..\\x", "C:\\x", "C:/x", "x/../../../y"],
)
def test_entries_that_point_outside_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="points out of its folder") as caught:
        unpack(tmp_path, zip_bytes(adapter_entries() | {name: b"x"}))
    assert caught.value.code is Exit.WRONG_FILE
    assert [p.name for p in tmp_path.rglob("*")] == ["source.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as file:
        entry = zipfile.ZipInfo("adapter_config.json")
        entry.external_attr = (kind | 0o777) << 16
        file.writestr(entry, "/etc/passwd")
    with pytest.raises(FetchError, match="a link or device: 'adapter_config"):
        archive.unpack_zip(source, tmp_path / "adapter")


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as file:
        file.writestr("adapter_config.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("adapter_config.json", "[]")
    with pytest.raises(FetchError, match="two entries of the same name"):
        archive.unpack_zip(source, tmp_path / "adapter")


def test_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1000)
    entries = adapter_entries() | {"adapter_model.safetensors": bytes(1001)}
    with pytest.raises(FetchError, match="unpacks to more than 1,000 bytes"):
        unpack(tmp_path, zip_bytes(entries))


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    entries = {f"{n}.txt": b"" for n in range(archive.MAX_ENTRIES + 1)}
    with pytest.raises(FetchError, match="1001 entries; at most 1000"):
        unpack(tmp_path, zip_bytes(entries))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"adapter_config.json": b"{}"}, "no folder in it has both adapter_config.json and adapter_model.safetensors"),
        ({"adapter_config.json": b"{}"}, "found: adapter_config.json"),
        ({}, "found: nothing"),
        ({"adapter_config.json": b"{}", "adapter_model.bin": b"x"}, "is a pickle, which is not accepted"),
        (adapter_entries("a/") | adapter_entries("b/"), "more than one adapter in it: a, b"),
        ({"a/adapter_config.json": b"{}", "b/adapter_model.safetensors": b"x"}, "no folder in it has both"),
    ],
)
def test_zip_without_exactly_one_adapter(tmp_path: Path, entries: dict[str, bytes], message: str) -> None:
    with pytest.raises(FetchError) as caught:
        unpack(tmp_path, zip_bytes(entries))
    assert message in str(caught.value)
    assert "What to do: zip the folder adapter_checkpoint alone" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", zip_bytes(adapter_entries())[:-30]])
def test_what_is_no_zip_is_shown_by_its_first_bytes(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        unpack(tmp_path, content)
    assert f"it begins with {content[:16]!r}" in str(caught.value)


def test_damaged_content_is_told(tmp_path: Path) -> None:
    content = bytearray(zip_bytes(adapter_entries()))
    content[content.index(b"LORA")] ^= 1
    with pytest.raises(FetchError, match="Bad CRC-32"):
        unpack(tmp_path, bytes(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_anywhere_is_told(tmp_path: Path, method: int) -> None:
    path = tmp_path / "whole.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in adapter_entries().items():
            file.writestr(name, content[:2000])
    for at in range(path.stat().st_size):
        content = bytearray(path.read_bytes())
        content[at] ^= 0xFF
        with contextlib.suppress(FetchError):
            unpack(tmp_path, bytes(content))


def test_a_full_disk_is_no_damaged_zip(tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    source.write_bytes(zip_bytes(adapter_entries()))
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        archive.unpack_zip(source, tmp_path / "adapter")


def test_folder_tree_gives_the_same_two_files(tmp_path: Path) -> None:
    for name, content in (adapter_entries("x/y/") | {"notes.txt": b"hi"}).items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(content)
    archive.take_from_folder(tmp_path / "tree", tmp_path / "adapter")
    assert {p.name: p.read_bytes() for p in (tmp_path / "adapter").iterdir()} == adapter_entries()
