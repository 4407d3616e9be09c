"""An archive that cannot be read is one finding, however it is damaged."""

import bz2
import gzip
import lzma
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.intake.archive.compressed import zstd

from .archives import SKIPPED, make_tar, make_zip, member, take


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
