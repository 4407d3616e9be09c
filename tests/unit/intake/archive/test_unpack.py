"""Nothing is written outside the target or beyond the budget, whatever the archive says; a refusal leaves no target."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, EnvironmentFault
from harness.intake.archive.compressed import zstd
from harness.intake.archive.unpack import unpack
from harness.model.finding import Finding

MB = 1_000_000


def take(
    source: Path, target: Path, *, max_bytes: int = MB, max_files: int = 50, ignored: tuple[str, ...] = ()
) -> tuple[Finding, ...]:
    return unpack(source, target, max_bytes=max_bytes, max_files=max_files, ignored=ignored)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [one.code for one in findings]


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def make_zip(path: Path, files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def zip_entry(path: Path, name: str, mode: int, content: bytes = b"") -> Path:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, content)
    return path


def make_tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, "w" if mode == "w:zst" else mode) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    if mode == "w:zst":
        path.write_bytes(zstd.compress(path.read_bytes()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "run"
    folder.mkdir()
    yield folder / "unpacked"
    assert {path.name for path in folder.iterdir()} <= {"unpacked"}, "a temporary folder was left behind"


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


SKIPPED = b"\x5a\x2a\x4d\x18" + struct.pack("<L", 5) + b"hello"


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


# What is refused, each with its finding.


BAD_NAMES = {
    "../evil": "climbs out",
    "a/../../evil": "climbs out",
    "..\\evil": "climbs out",
    "/etc/evil": "absolute",
    "\\\\server\\evil": "absolute",
    "C:\\evil": "absolute",
    "C:evil": "absolute",
    "a\x1b[31m": "control characters",
    "a\u202egnp.sh": "control characters",
    "a\nb": "control characters",
    "x" * 256: "longer than",
    "/".join("d" * 33): "33 folders deep",
}


@pytest.mark.parametrize(("name", "why"), BAD_NAMES.items(), ids=[repr(name)[:20] for name in BAD_NAMES])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_bad_names_are_refused(tmp_path: Path, target: Path, name: str, why: str, kind: str) -> None:
    source = tmp_path / f"a.{kind}"
    if kind == "zip":
        make_zip(source, {"ok": b"x", name: b"evil"})
    else:
        make_tar(source, [(member("ok"), b"x"), (member(name), b"evil")])
    (finding,) = take(source, target)
    assert finding.code == "INT002"
    assert why.replace("33 folders", "32 folders") in finding.seen
    assert finding.seen.isprintable()
    assert not target.exists()
    assert not list(tmp_path.rglob("*evil*"))


LINKS_AND_SPECIALS = {
    "symlink": (member("a", tarfile.SYMTYPE, link="/etc/passwd"), "it is a link"),
    "symlink inside": (member("a", tarfile.SYMTYPE, link="b"), "it is a link"),
    "hard link": (member("a", tarfile.LNKTYPE, link="/etc/passwd"), "it is a link"),
    "fifo": (member("a", tarfile.FIFOTYPE), "it is a device, pipe or socket"),
    "character device": (member("a", tarfile.CHRTYPE), "it is a device, pipe or socket"),
    "block device": (member("a", tarfile.BLKTYPE), "it is a device, pipe or socket"),
}


@pytest.mark.parametrize(("info", "why"), LINKS_AND_SPECIALS.values(), ids=LINKS_AND_SPECIALS)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, target: Path, info: tarfile.TarInfo, why: str) -> None:
    (finding,) = take(make_tar(tmp_path / "a.tar", [(info, b"")]), target)
    assert (finding.code, finding.seen) == ("INT002", f"`a`: {why}")
    assert "without links" in finding.fix
    assert not target.exists()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6644])
@pytest.mark.parametrize("kind", ["tar", "zip", "folder"])
def test_set_id_bits_are_refused(tmp_path: Path, target: Path, mode: int, kind: str) -> None:
    source = tmp_path / "hand-in"
    if kind == "folder":
        source.mkdir()
        (source / "a").write_bytes(b"x")
        (source / "a").chmod(mode)
    elif kind == "tar":
        make_tar(source, [(member("a", mode=mode), b"x")])
    else:
        zip_entry(source, "a", stat.S_IFREG | mode, b"x")
    (finding,) = take(source, target)
    assert finding.code == "INT002"
    assert finding.seen == "`a`: it is a file with a set-user-id or set-group-id bit; take it off with `chmod ug-s`"


def test_sparse_file_is_refused(tmp_path: Path, target: Path) -> None:
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10 * MB)
    subprocess.run(["tar", "-C", tmp_path, "--sparse", "-cf", tmp_path / "a.tar", "hole"], check=True)
    assert codes(take(tmp_path / "a.tar", target, max_bytes=20 * MB)) == ["INT002"]


@pytest.mark.parametrize(("mode", "why"), [(stat.S_IFLNK | 0o777, "a link"), (stat.S_IFIFO | 0o644, "a device")])
def test_links_and_pipes_in_a_zip_are_refused(tmp_path: Path, target: Path, mode: int, why: str) -> None:
    (finding,) = take(zip_entry(tmp_path / "a.zip", "a", mode, b"/etc/passwd"), target)
    assert finding.code == "INT002"
    assert why in finding.seen


def test_links_and_pipes_in_a_folder_are_refused(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "r1"
    source.mkdir()
    (source / "ok").write_bytes(b"x")
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    findings = take(source, target)
    assert [one.seen for one in findings] == ["`link`: it is a link", "`pipe`: it is a device, pipe or socket"]
    assert not target.exists()


def test_write_through_a_link_does_not_leave_the_target(tmp_path: Path, target: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    members = [(member("a", tarfile.SYMTYPE, link=str(outside)), b""), (member("a/evil"), b"x")]
    assert "INT002" in codes(take(make_tar(tmp_path / "a.tar", members), target))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("README", "readme"), ("caf\u00e9", "cafe\u0301"), ("Code/a", "code/b"), ("a", "a/b"), ("stra\u00dfe", "STRASSE")],
)
def test_names_that_some_file_systems_take_for_one_are_refused(
    tmp_path: Path, target: Path, first: str, second: str
) -> None:
    (finding,) = take(make_tar(tmp_path / "a.tar", [(member(first), b"1"), (member(second), b"2")]), target)
    assert finding.code == "INT002"
    assert "collides with" in finding.seen


def test_the_same_file_twice_is_refused(tmp_path: Path, target: Path) -> None:
    (finding,) = take(make_tar(tmp_path / "a.tar", [(member("a"), b"1"), (member("a"), b"2")]), target)
    assert finding.seen == "`a`: it is there twice"


def test_all_refusals_are_named_but_not_endlessly(tmp_path: Path, target: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {f"../{n}": b"" for n in range(40)})
    assert codes(take(source, target)) == ["INT002"] * 10


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst", "folder"])
def test_byte_bomb_is_stopped(tmp_path: Path, target: Path, kind: str) -> None:
    source = tmp_path / "bomb"
    zeros = bytes(30 * MB)
    if kind == "zip":
        make_zip(source, {"zeros": zeros})
    elif kind == "folder":
        source.mkdir()
        with (source / "zeros").open("wb") as file:
            file.truncate(30 * MB)
    else:
        make_tar(source, [(member("zeros"), zeros)], "w:" + kind.partition(".")[2])
    (finding,) = take(source, target)
    assert (finding.code, finding.seen) == ("INT003", "`bomb` unpacks to more than 1 MB")
    assert "Leave models" in finding.fix
    assert not target.exists()


def test_bomb_of_left_out_files_in_a_tar_is_stopped(tmp_path: Path, target: Path) -> None:
    source = make_tar(tmp_path / "a.tar.gz", [(member("__MACOSX/zeros"), bytes(30 * MB))], "w:gz")
    (finding,) = take(source, target)
    assert finding.code == "INT001"
    assert "more than 10000000 bytes when decompressed" in finding.seen


def test_file_count_bomb_is_stopped(tmp_path: Path, target: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {f"{n}": b"" for n in range(51)})
    (finding,) = take(source, target)
    assert (finding.code, finding.seen) == ("INT003", "`a.zip` unpacks to more than 50 files and folders")


def test_folders_count_too(tmp_path: Path, target: Path) -> None:
    members = [(member("/".join("abcdefghijklmnop"[:n])[:99] + f"/{n}", tarfile.DIRTYPE), b"") for n in range(1, 16)]
    assert codes(take(make_tar(tmp_path / "a.tar", members), target, max_files=20)) == ["INT003"]


def test_zip_with_a_huge_directory_is_not_read_into_memory(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for n in range(20_000):
            archive.writestr(f"{n:080d}", b"")
    (finding,) = take(source, target, max_files=10)
    assert finding.code == "INT001"
    assert "directory of files is larger than 1010240 bytes" in finding.seen


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_huge_tar_header_is_not_read_into_memory(tmp_path: Path, target: Path, kind: bytes) -> None:
    source = make_tar(tmp_path / "a.tar.gz", [(member("x", kind), bytes(5 * MB))], "w:gz")
    (finding,) = take(source, target)
    assert finding.code == "INT001"
    assert "a header of more than 1000000 bytes" in finding.seen


def test_chain_of_tar_headers_is_survived(tmp_path: Path, target: Path) -> None:
    record = b"13 path=abc.\n"
    members = [(member("x", tarfile.XHDTYPE), record) for _ in range(3000)]
    assert "INT001" in codes(take(make_tar(tmp_path / "a.tar", members), target))


def test_compressed_file_of_nothing_but_parts_is_not_read_for_ever(tmp_path: Path, target: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"") * 600_000)
    (finding,) = take(tmp_path / "a", target)
    assert finding.seen == "`a` unpacks to more than 10 MB: it takes 12.0 MB itself"


EMPTY_PARTS = {
    "gzip": gzip.compress(b""),
    "bzip2": bz2.compress(b""),
    "xz": lzma.compress(b""),
    "zstd": zstd.compress(b""),
    "zstd skipped": b"\x5a\x2a\x4d\x18" + bytes(4),
}


@pytest.mark.parametrize("part", EMPTY_PARTS.values(), ids=EMPTY_PARTS)
def test_empty_parts_of_a_compressed_file_are_counted(tmp_path: Path, target: Path, part: bytes) -> None:
    (tmp_path / "a").write_bytes(part * (18 * MB // len(part)))
    begin = time.process_time()
    (finding,) = take(tmp_path / "a", target, max_bytes=50 * MB)
    assert time.process_time() - begin < 1
    assert (finding.code, finding.seen) == (
        "INT001",
        "`a` cannot be unpacked: its compressed data are in more than 10000 parts",
    )


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_many_parts_of_a_compressed_file_are_read(tmp_path: Path, target: Path, kind: str) -> None:
    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}
    data = make_tar(tmp_path / "a.tar", [(member("a"), os.urandom(300_000))]).read_bytes()
    (tmp_path / "a").write_bytes(b"".join(packers[kind](data[at : at + 100]) for at in range(0, len(data), 100)))
    assert take(tmp_path / "a", target) == ()
    assert tree(target) == {"a": data[512 : 512 + 300_000]}


def test_zstd_bomb_takes_little_memory(tmp_path: Path) -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    bomb = b"".join(packer.compress(bytes(MB)) for _ in range(500)) + packer.flush()
    (tmp_path / "bomb").write_bytes(bomb)
    code = (
        "import resource, sys; from pathlib import Path; from harness.intake.archive.unpack import unpack\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "here = Path(sys.argv[1]); before = peak()\n"
        "print(unpack(here / 'bomb', here / 'out', max_bytes=200_000_000, max_files=9, ignored=())[0].code)\n"
        "print((peak() - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    found, grown_mb = done.stdout.split()
    assert found == "INT001"
    assert int(grown_mb) < 200


def test_entries_that_are_left_out_are_counted_too(tmp_path: Path, target: Path) -> None:
    members = [(member(f"__MACOSX/{n}"), b"") for n in range(10_600)]
    (finding,) = take(make_tar(tmp_path / "a.tar.gz", members, "w:gz"), target)
    assert (finding.code, finding.seen) == (
        "INT003",
        "`a.tar.gz` unpacks to more than 10500 files and folders, with what is left out",
    )


def xz_with_dictionary(path: Path, code: int) -> Path:
    """An xz file whose header asks for a dictionary of 4 GB (code 40) or so; .xz specification, section 5.3.1."""
    make_tar(path, [(member("a"), b"x")], "w:xz")
    data = bytearray(path.read_bytes())
    size = (data[12] + 1) * 4
    data[data.index(b"\x21\x01", 12) + 2] = code
    data[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(data[12 : 12 + size - 4]))
    path.write_bytes(data)
    return path


def zstd_with_window(path: Path, log: int) -> Path:
    data = make_tar(path, [(member("a"), b"x")]).read_bytes()
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    path.write_bytes(packer.compress(data) + packer.flush())
    return path


@pytest.mark.parametrize(
    ("make", "largest", "too_large", "why"),
    [
        (xz_with_dictionary, 29, 31, "Memory usage limit exceeded"),
        (xz_with_dictionary, 28, 40, "Memory usage limit exceeded"),
        (zstd_with_window, 27, 28, "Frame requires too much memory"),
        (zstd_with_window, 20, 31, "Frame requires too much memory"),
    ],
)
def test_memory_that_a_header_asks_for_is_bounded(
    tmp_path: Path, make: Callable[[Path, int], Path], largest: int, too_large: int, why: str
) -> None:
    assert take(make(tmp_path / "good", largest), tmp_path / "1") == ()
    (finding,) = take(make(tmp_path / "bad", too_large), tmp_path / "2")
    assert finding.code == "INT001"
    assert why in finding.seen


def encrypted_zip(path: Path) -> Path:
    make_zip(path, {"a": b"x"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def odd_method_zip(path: Path) -> Path:
    return make_zip(path, {"a": b"x" * 100}, method=zipfile.ZIP_LZMA)


def wrong_crc_zip(path: Path) -> Path:
    make_zip(path, {"a": b"x" * 100}, method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"xxxx", b"xyxx", 1))
    return path


def zip_with_offset_before_its_start(path: Path) -> Path:
    data = bytearray(make_zip(path, {"a": b"x"}).read_bytes())
    at = data.index(b"PK\x05\x06")
    data[at + 16 : at + 20] = struct.pack("<I", struct.unpack_from("<I", data, at + 16)[0] + 60)
    path.write_bytes(data)
    return path


def cut(make: Callable[[Path], Path], share: float) -> Callable[[Path], Path]:
    def make_cut(path: Path) -> Path:
        content = make(path).read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return make_cut


def noise_tar(mode: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        noise = os.urandom(5000)
        return make_tar(path, [(member("a"), noise), (member("b"), noise)], mode)

    return make


def content(data: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "encrypted": (encrypted_zip, "encrypted with a password"),
    "method": (odd_method_zip, "packed with method 14"),
    "offset": (zip_with_offset_before_its_start, "nvalid"),
    "crc": (wrong_crc_zip, "Bad CRC-32"),
    "zip cut": (cut(lambda path: make_zip(path, {"a": os.urandom(9000)}), 0.5), "not a zip file"),
    "tar cut in a file": (cut(noise_tar("w"), 0.3), "unexpected end of data"),
    "tar cut after a file": (lambda path: content(noise_tar("w")(path).read_bytes()[: 512 * 11])(path), "cut off"),
    "gz cut": (cut(noise_tar("w:gz"), 0.8), "ended before the end-of-stream"),
    "gz cut at its check sum": (lambda path: content(noise_tar("w:gz")(path).read_bytes()[:-6])(path), "ended before"),
    "xz cut": (cut(noise_tar("w:xz"), 0.8), "ended before the end-of-stream"),
    "bz2 cut": (cut(noise_tar("w:bz2"), 0.8), "ended before the end-of-stream"),
    "gz of no tar": (content(gzip.compress(b"hello")), "truncated header"),
    "bz2 noise": (content(b"BZh9" + bytes(100)), "Invalid data stream"),
    "xz of text": (content(lzma.compress(b"no tar " * 300)), "invalid header"),
    "bz2 of nothing": (content(bz2.compress(b"")), "empty file"),
    "empty": (content(b""), "it is empty"),
    "web page": (content(b"\n<!DOCTYPE html><title>Google Drive - Quota exceeded"), "it is a web page"),
    "rar": (content(b"Rar!\x1a\x07"), "RAR"),
    "7z": (content(b"7z\xbc\xaf\x27\x1c"), "7z"),
    "xz and more": (lambda path: content(noise_tar("w:xz")(path).read_bytes() + b"more")(path), "end-of-stream"),
    "zst cut": (cut(noise_tar("w:zst"), 0.8), "ended before the end-of-stream"),
    "zst of no tar": (content(zstd.compress(b"hello")), "truncated header"),
    "zst of nothing": (content(zstd.compress(b"")), "empty file"),
    "zst of skipped frames": (content(SKIPPED * 2), "empty file"),
    "zst with a skipped frame cut": (content(SKIPPED[:-1]), "ended before the end-of-stream"),
    "zst and more": (lambda path: content(noise_tar("w:zst")(path).read_bytes() + b"more")(path), "frame"),
    "text": (content(b"hello"), "neither a zip nor a tar"),
    "no files": (lambda path: make_zip(path, {"a/": b""}), "it holds no files"),
    "only junk": (lambda path: make_zip(path, {"__MACOSX/a": b""}), "it holds no files"),
}


@pytest.mark.parametrize(("make", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_one_finding(
    tmp_path: Path, target: Path, make: Callable[[Path], Path], why: str
) -> None:
    (finding,) = take(make(tmp_path / "hand-in"), target)
    assert finding.code == "INT001"
    assert finding.seen.startswith("`hand-in` cannot be unpacked: ")
    assert why in finding.seen
    assert str(tmp_path) not in finding.seen
    assert "zip -r" in finding.fix
    assert not target.exists()


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


# Properties.


def test_zip_that_lies_about_sizes_stays_within_the_budget(tmp_path: Path, target: Path) -> None:
    source = make_zip(tmp_path / "a.zip", {"a": bytes(3 * MB)})
    content_ = bytearray(source.read_bytes())
    at = content_.index(b"PK\x01\x02")
    content_[at + 24 : at + 28] = struct.pack("<I", 10)
    source.write_bytes(content_)
    findings = take(source, target)
    assert codes(findings) in (["INT001"], ["INT003"])
    assert not target.exists()


NAMES = st.lists(
    st.sampled_from(["..", ".", "", "a", "A", "b", "\\", "C:", "\x00", "\u202e", "é", "\udc80", "x" * 300])
    | st.text(max_size=6),
    min_size=1,
    max_size=5,
).map("/".join)
FILES = st.lists(st.tuples(NAMES, st.binary(max_size=300)), min_size=1, max_size=8)


def check_property(work: Path, source: Path, max_bytes: int) -> None:
    """Unpack; whatever the outcome, the surroundings are as before, and the target is plain and within its budget."""
    target = work / "inner" / "deep" / "target"
    before = {path: path.lstat().st_size for path in work.rglob("*")}
    findings = take(source, target, max_bytes=max_bytes)
    after = {path: path.lstat().st_size for path in work.rglob("*")}
    inside = {path for path in after if path == target or target in path.parents}
    assert {path: size for path, size in after.items() if path not in inside} == before
    errors = [one for one in findings if one.severity == "error"]
    assert bool(errors) != target.exists()
    kinds = [stat.S_IFMT(path.lstat().st_mode) for path in inside]
    assert set(kinds) <= {stat.S_IFREG, stat.S_IFDIR}
    assert sum(path.stat().st_size for path in inside if path.is_file()) <= max_bytes
    assert len(inside) <= 51
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [char for one in findings for char in one.seen if unicodedata.category(char) in hidden]


@pytest.fixture(scope="module")
def work_factory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    def make() -> Path:
        work = tmp_path_factory.mktemp("property")
        (work / "inner" / "deep").mkdir(parents=True)
        (work / "inner" / "canary").write_bytes(b"unchanged")
        return work

    return make


@settings(max_examples=60, deadline=None)
@given(files=FILES, max_bytes=st.integers(0, 1000))
def test_random_tar_never_lands_outside(
    work_factory: Callable[[], Path], files: list[tuple[str, bytes]], max_bytes: int
) -> None:
    work = work_factory()
    with tarfile.open(work / "a.tar", "w", errors="surrogateescape") as archive:
        for name, data in files:
            info = member("x")
            info.name, info.size = name.encode("utf-8", "replace").decode(), len(data)
            archive.addfile(info, io.BytesIO(data))
    check_property(work, work / "a.tar", max_bytes)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60, deadline=None)
@given(files=FILES, max_bytes=st.integers(0, 1000))
def test_random_zip_never_lands_outside(
    work_factory: Callable[[], Path], files: list[tuple[str, bytes]], max_bytes: int
) -> None:
    work = work_factory()
    with zipfile.ZipFile(work / "a.zip", "w") as archive:
        for name, data in files:
            archive.writestr(name.encode("utf-8", "replace").decode().lstrip("\0") or "x", data)
    check_property(work, work / "a.zip", max_bytes)


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(["zip", "tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
    keep=st.floats(0.1, 1),
)
def test_damaged_archive_raises_nothing(
    work_factory: Callable[[], Path], kind: str, changes: list[tuple[float, int]], keep: float
) -> None:
    work = work_factory()
    source = work / "a"
    if kind == "zip":
        make_zip(source, {"r/run.sh": b"echo hello\n" * 20, "r/b/c": b"x" * 200})
    else:
        members = [(member("r/run.sh"), b"echo hello\n" * 20), (member("r/b/c"), b"x" * 200)]
        make_tar(source, members, "w:" + kind.partition(".")[2])
    data = bytearray(source.read_bytes())
    for share, value in changes:
        data[int(share * len(data))] = value
    source.write_bytes(data[: int(keep * len(data))])
    check_property(work, source, 1000)
