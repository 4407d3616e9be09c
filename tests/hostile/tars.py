"""Tars that must not get past intake, or must get past it without harm."""

import bz2
import gzip
import io
import tarfile
from pathlib import Path

from .case import hostile
from .parts import ESCAPED, MANY_ZEROS, beside


def _tar(folder: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    path = folder.with_suffix(".tar.gz" if mode == "w:gz" else ".tar")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, arcname=".")
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return path


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"", mode: int = 0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(content), mode
    return info, content


@hostile("INT002", stage="intake")
def tar_climbs_out(folder: Path) -> Path:
    """An entry leads out of the folder."""
    return _tar(folder, _entry(f"../../{ESCAPED}", content=b"x"))


@hostile("INT002", stage="intake")
def tar_writes_through_its_own_link(folder: Path) -> Path:
    """First a link to /tmp, then a file below it."""
    return _tar(folder, _entry("out", tarfile.SYMTYPE, "/tmp"), _entry(f"out/{ESCAPED}", content=b"x"))


@hostile("INT002", stage="intake")
def tar_with_hard_link_out(folder: Path) -> Path:
    """A hard link to a file of the machine."""
    return _tar(folder, _entry("notes.txt", tarfile.LNKTYPE, "/etc/passwd"))


@hostile("INT002", stage="intake")
def tar_with_pipe(folder: Path) -> Path:
    """Opening it would wait for ever."""
    return _tar(folder, _entry("pipe", tarfile.FIFOTYPE))


@hostile("INT002", stage="intake")
def tar_with_device(folder: Path) -> Path:
    """A block device."""
    return _tar(folder, _entry("disk", tarfile.BLKTYPE))


@hostile("INT003", stage="intake")
def tar_bomb(folder: Path) -> Path:
    """A packed tar of zeros."""
    return _tar(folder, _entry("zeros", content=bytes(MANY_ZEROS)))


@hostile("INT001", stage="intake")
def tar_bomb_of_trailing_zeros(folder: Path) -> Path:
    """Zeros behind the tar's end: nothing that is kept, but work to read."""
    path = _tar(folder, mode="w")
    return beside(folder, ".tar.gz", gzip.compress(path.read_bytes() + bytes(4 * MANY_ZEROS)))


@hostile("INT001", stage="intake")
def tar_of_repeated_bzip2_streams(folder: Path) -> Path:
    """A few hundred kilobytes that decompress without end in sight."""
    return beside(folder, ".tar.bz2", bz2.compress(bytes(1_000_000)) * 400)


@hostile("INT001", stage="intake")
def tar_with_giant_header(folder: Path) -> Path:
    """An extended header of eight gigabytes, so it says."""
    info = tarfile.TarInfo("./PaxHeaders/x")
    info.type, info.size = tarfile.XHDTYPE, 8_000_000_000
    return beside(folder, ".tar", info.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))


@hostile("INT001", stage="intake")
def tar_with_negative_size(folder: Path) -> Path:
    """A size below zero leads readers back to where they were."""
    info = tarfile.TarInfo("x")
    info.size = -10_000
    return beside(folder, ".tar", info.tobuf(tarfile.GNU_FORMAT) * 3)


@hostile("INT002", stage="intake")
def tar_with_sparsebeside(folder: Path) -> Path:
    """A hole of a terabyte in 512 bytes."""
    info = tarfile.TarInfo("hole")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"\x80" + (10**12).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:155] = f"{sum(header):06o}\0".encode()
    path = _tar(folder, mode="w")
    end = path.read_bytes().rstrip(b"\0")
    return beside(folder, ".tar", end + bytes(-len(end) % 512) + bytes(header) + bytes(1024))


@hostile("INT001", stage="intake")
def tar_cut_off(folder: Path) -> Path:
    """Half a download."""
    path = _tar(folder)
    return beside(folder, ".tar.gz", path.read_bytes()[: path.stat().st_size // 2])


@hostile("INT002", stage="intake")
def tar_with_setuid_program(folder: Path) -> Path:
    """A program that would run as whoever owns it."""
    return _tar(folder, _entry("tool", content=b"#!/bin/sh\nid\n", mode=0o6755))
