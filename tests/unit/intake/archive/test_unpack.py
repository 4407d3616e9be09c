"""What is taken in of each kind of archive, and what is the caller's or the machine's fault."""

import io
import lzma
import os
import stat
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from harness.errors import ConfigError, EnvironmentFault
from harness.intake.archive.compressed import zstd

from .archives import MB, SKIPPED, codes, make_tar, make_zip, member, take, tree

# What is accepted.


def test_zip_is_unpacked(tmp_path: Path, target: Path) -> None:
    source = make_zip(tmp_path / "r1.zip", {"r1/run.sh": b"#!/bin/bash\n", "r1/code/a.py": b"x"})
    assert take(source, target) == ()
    assert tree(target) == {"r1/run.sh": b"#!/bin/bash\n", "r1/code/a.py": b"x"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "w:zst"])
@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_is_unpacked(tmp_path: Path, target: Path, mode: str, format_: int) -> None:
    source = tmp_path / "hand-in"  # the content tells the kind, not the ending
    long_name = "d" * 90 + "/" + "f" * 60
    contents = {"run.sh": b"a" * 512, long_name: b"b" * 1025, "empty": b"", "數據.txt": b"c"}
    with tarfile.open(source, "w" if mode == "w:zst" else mode, format=format_) as archive:
        archive.addfile(member("d" * 90, tarfile.DIRTYPE))
        for name, content in contents.items():
            info = member(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    if mode == "w:zst":
        source.write_bytes(zstd.compress(source.read_bytes()))
    assert take(source, target) == ()
    assert tree(target) == contents


def test_folder_is_copied(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "r1"
    (source / "code").mkdir(parents=True)
    (source / "code" / "a.py").write_bytes(b"x")
    (source / ".git").mkdir()
    (source / ".git" / "config").write_bytes(b"y")
    (source / ".git" / "link").symlink_to("/etc/passwd")
    assert take(source, target, ignored=(".git/*",)) == ()
    assert tree(target) == {"code/a.py": b"x"}
    assert not (target / ".git").exists()


def test_folder_that_holds_the_target_is_not_copied_into_itself(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_bytes(b"x")
    assert take(tmp_path, tmp_path / "runs" / "unpacked") == ()
    assert tree(tmp_path / "runs" / "unpacked") == {"run.sh": b"x"}


def test_modes_are_0644_and_0755_whatever_the_archive_says(tmp_path: Path, target: Path) -> None:
    old = os.umask(0o077)
    try:
        members = [
            (member("d", tarfile.DIRTYPE, mode=0o7777), b""),
            (member("d/a", mode=0o1777), b"x"),
            (member("d/b", mode=0o602), b"x"),
            (member("d/c", mode=0), b"x"),
        ]
        take(make_tar(tmp_path / "a.tar", members), target)
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (target, *target.rglob("*"))}
    assert modes == {"unpacked": 0o755, "d": 0o755, "a": 0o755, "b": 0o644, "c": 0o644}


def test_what_macos_adds_is_left_out(tmp_path: Path, target: Path) -> None:
    junk = {"__MACOSX/r1/._run.sh": b"x", "r1/.DS_Store": b"x", "r1/._a": b"x", "r1/Thumbs.db": b"x"}
    assert take(make_zip(tmp_path / "a.zip", {"r1/run.sh": b"x", **junk}), target) == ()
    assert tree(target) == {"r1/run.sh": b"x"}


def test_backslashes_of_windows_are_taken_as_folders(tmp_path: Path, target: Path) -> None:
    (finding,) = take(make_zip(tmp_path / "a.zip", {"r1\\code\\a.py": b"x"}), target)
    assert (finding.code, finding.severity, finding.seen) == ("INT007", "warning", "read as `r1/code/a.py`")
    assert tree(target) == {"r1/code/a.py": b"x"}


@pytest.mark.parametrize("encoding", ["utf-8", "cp950"])
def test_names_without_the_utf8_flag_are_repaired(tmp_path: Path, target: Path, encoding: str) -> None:
    # 功 is A5 5C in Big5: its second byte is a backslash.
    names = ["作業/功能.txt", "作業/說明.txt", "作業/報告.txt", "作業/程式.txt"]
    source = make_zip(
        tmp_path / "a.zip", {f"{n}".ljust(len(name.encode(encoding)), "x"): b"c" for n, name in enumerate(names)}
    )
    content = source.read_bytes()
    for n, name in enumerate(names):
        raw = name.encode(encoding)
        content = content.replace(f"{n}".ljust(len(raw), "x").encode(), raw)
    source.write_bytes(content)
    (finding,) = take(source, target)
    assert sorted(tree(target)) == sorted(names)
    assert finding.code == "INT007"
    assert finding.seen == "read as `作業/功能.txt`, `作業/說明.txt`, `作業/報告.txt` and 1 more"


def test_big5_names_in_a_tar_are_repaired(tmp_path: Path, target: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="cp950") as archive:
        archive.addfile(member("作業.txt"), io.BytesIO())
    assert codes(take(tmp_path / "a.tar", target)) == ["INT007"]
    assert list(tree(target)) == ["作業.txt"]


UTF16 = {"utf-16-le": b"", "utf-16-be": b"", "utf-16-le with mark": b"\xff\xfe", "utf-16-be with mark": b"\xfe\xff"}


@pytest.mark.parametrize("encoding", UTF16)
def test_utf16_names_are_repaired(tmp_path: Path, target: Path, encoding: str) -> None:
    raw = UTF16[encoding] + "作業/說明.txt".encode(encoding.partition(" ")[0])
    source = make_zip(tmp_path / "a.zip", {"x" * len(raw): b"c"})
    source.write_bytes(source.read_bytes().replace(b"x" * len(raw), raw))
    (finding,) = take(source, target)
    assert (finding.code, finding.seen) == ("INT007", "read as `作業/說明.txt`")
    assert tree(target) == {"作業/說明.txt": b"c"}


@pytest.mark.parametrize(("checksum_of", "name"), [(b"??.txt", "作業.txt"), (b"other", "??.txt")])
def test_name_in_the_field_for_unicode_counts_if_it_belongs_to_the_name(
    tmp_path: Path, target: Path, checksum_of: bytes, name: str
) -> None:
    info = zipfile.ZipInfo("??.txt")
    field = struct.pack("<BL", 1, zlib.crc32(checksum_of)) + "作業.txt".encode()
    info.extra = struct.pack("<HH", 0x5455, 0) + struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, b"c")
    assert take(tmp_path / "a.zip", target) == ()
    assert tree(target) == {name: b"c"}


def test_name_in_the_field_for_unicode_is_checked_too(tmp_path: Path, target: Path) -> None:
    info = zipfile.ZipInfo("good")
    field = struct.pack("<BL", 1, zlib.crc32(b"good")) + b"../evil"
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, b"c")
    (finding,) = take(tmp_path / "a.zip", target)
    assert finding.seen == "`../evil`: the path climbs out of its folder with `..`"


def test_archive_in_an_archive_stays_packed(tmp_path: Path, target: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"zeros": bytes(30 * MB)}).read_bytes()
    assert take(make_zip(tmp_path / "a.zip", {"run.sh": b"x", "inner.zip": inner}), target) == ()
    assert tree(target) == {"run.sh": b"x", "inner.zip": inner}


@pytest.mark.parametrize("order", ["frame frame", "skip frame", "frame skip", "frame skip frame", "skip skip frame"])
def test_zstd_of_many_frames_and_skipped_ones(tmp_path: Path, target: Path, order: str) -> None:
    data = make_tar(tmp_path / "a.tar", [(member("a"), b"x" * 5000)]).read_bytes()
    kinds = order.split()
    share = -(-len(data) // kinds.count("frame"))
    frames = iter([zstd.compress(data[at : at + share]) for at in range(0, len(data), share)])
    (tmp_path / "a").write_bytes(b"".join(next(frames) if kind == "frame" else SKIPPED for kind in kinds))
    assert take(tmp_path / "a", target) == ()
    assert tree(target) == {"a": b"x" * 5000}


def test_xz_of_many_streams_with_padding(tmp_path: Path, target: Path) -> None:
    data = make_tar(tmp_path / "a.tar", [(member("a"), b"x" * 5000)]).read_bytes()
    (tmp_path / "a").write_bytes(lzma.compress(data[:900]) + bytes(8) + lzma.compress(data[900:], preset=9) + bytes(4))
    assert take(tmp_path / "a", target) == ()
    assert tree(target) == {"a": b"x" * 5000}


# What is the caller's or the machine's fault.


def test_missing_source_is_a_config_error(tmp_path: Path, target: Path) -> None:
    with pytest.raises(ConfigError, match="there is no submission at") as caught:
        take(tmp_path / "absent.zip", target)
    assert caught.value.remedy == "Give the path of a folder or archive."


def test_source_that_is_a_pipe_is_a_config_error(tmp_path: Path, target: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="neither a file nor a folder"):
        take(tmp_path / "pipe", target)


def test_target_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "mine").write_bytes(b"x")
    with pytest.raises(ConfigError, match="Directory not empty") as caught:
        take(make_zip(tmp_path / "a.zip", {"a": b"x"}), tmp_path / "t")
    assert "new or empty" in caught.value.remedy
    assert tree(tmp_path / "t") == {"mine": b"x"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk_is_an_environment_fault(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting a small disk is not permitted")
    try:
        source = make_zip(tmp_path / "a.zip", {"a": os.urandom(500_000)})
        with pytest.raises(EnvironmentFault, match="No space left on device") as caught:
            take(source, disk / "unpacked")
        assert "Free space" in caught.value.remedy
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)
