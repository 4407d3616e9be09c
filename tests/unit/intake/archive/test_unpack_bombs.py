"""What an archive makes us write, count, hold in memory and wait for is bounded."""

import bz2
import gzip
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.intake.archive.compressed import zstd

from .archives import MB, codes, make_tar, make_zip, member, take, tree


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
