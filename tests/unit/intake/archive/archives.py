"""Makes archives, takes them in, and says what came of it."""

import io
import struct
import tarfile
import zipfile
from pathlib import Path

from harness.intake.archive.compressed import zstd
from harness.intake.archive.unpack import unpack
from harness.model.finding import Finding

MB = 1_000_000
SKIPPED = b"\x5a\x2a\x4d\x18" + struct.pack("<L", 5) + b"hello"


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
