"""Zips, and what is handed in for one, that must not get past intake, or must get past it without harm."""

import io
import stat
import struct
import zipfile
from pathlib import Path

from .case import hostile
from .parts import ESCAPED, MANY_ZEROS, beside

ZipEntry = tuple[str | zipfile.ZipInfo, bytes]


def _zip(folder: Path, *entries: ZipEntry, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Pack the submission and further entries."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        for name, content in entries:
            archive.writestr(name, content)
    return path


def _special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes of a packed archive: what no packer writes by itself."""
    content = path.read_bytes()
    assert old in content and len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


@hostile("INT002", stage="intake", cheap=True)
def zip_climbs_out(folder: Path) -> Path:
    """An entry leads out of the folder with `..`."""
    return _zip(folder, (f"../../../../tmp/{ESCAPED}", b"x"))


@hostile("INT002", stage="intake")
def zip_with_absolute_path(folder: Path) -> Path:
    """An entry names a place of the machine."""
    return _zip(folder, (f"/tmp/{ESCAPED}", b"x"))


@hostile("INT002", stage="intake")
def zip_climbs_with_backslashes(folder: Path) -> Path:
    """The same as Windows writes it."""
    return _zip(folder, (f"..\\..\\..\\{ESCAPED}", b"x"))


@hostile("INT002", stage="intake")
def zip_with_drive_letter(folder: Path) -> Path:
    """An entry names a drive."""
    return _zip(folder, ("C:/Windows/x", b"x"))


@hostile("INT002", stage="intake")
def zip_with_link(folder: Path) -> Path:
    """A symbolic link to a file of the machine."""
    return _zip(folder, (_special("notes.txt", stat.S_IFLNK | 0o777), b"/etc/passwd"))


@hostile("INT002", stage="intake")
def zip_with_device(folder: Path) -> Path:
    """An entry that says it is a device."""
    return _zip(folder, (_special("null", stat.S_IFCHR | 0o666), b""))


@hostile("INT003", stage="intake", cheap=True)
def zip_bomb(folder: Path) -> Path:
    """Sixty megabytes of zeros in sixty kilobytes."""
    return _zip(folder, ("zeros", bytes(MANY_ZEROS)))


@hostile("INT003", stage="intake")
def zip_bomb_of_many_parts(folder: Path) -> Path:
    """No single file is too large, but together they are."""
    return _zip(folder, *((f"zeros{number}", bytes(1_000_000)) for number in range(20)))


@hostile("INT001", stage="intake")
def zip_bomb_of_overlapping_entries(folder: Path) -> Path:
    """Fifty entries of the directory share one packed megabyte of zeros, whose own header says another name."""
    names = [f"zeros{number:02}" for number in range(50)]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.sh", b"x")
        archive.writestr(names[0], bytes(1_000_000))
    content = data.getvalue()
    start = struct.unpack("<L", content[-6:-2])[0]
    first = content.index(b"PK\x01\x02", start + 4)
    entry = content[first : content.index(b"PK\x05\x06")]
    directory = content[start:first] + b"".join(entry.replace(names[0].encode(), name.encode()) for name in names)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 51, 51, len(directory), start, 0)
    return beside(folder, ".zip", content[:start] + directory + end)


@hostile("INT001", stage="intake")
def zip_that_lies_about_sizes(folder: Path) -> Path:
    """The directory says ten bytes, the entry unpacks to sixty megabytes: it is cut there, and does not fit its sum."""
    path = _zip(folder, ("zeros", bytes(MANY_ZEROS)))
    return _patched(path, struct.pack("<L", MANY_ZEROS), struct.pack("<L", 10))


@hostile("INT003", stage="intake")
def zip_of_many_files(folder: Path) -> Path:
    """Five thousand empty files."""
    return _zip(folder, *((f"many/{number}", b"") for number in range(5_000)))


@hostile(stage="intake")
def zip_bomb_inside_of_a_zip(folder: Path) -> Path:
    """A nested bomb stays packed."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(MANY_ZEROS))
    return _zip(folder, ("inner.zip", inner.getvalue()))


@hostile("INT001", stage="intake")
def zip_with_password(folder: Path) -> Path:
    """Encrypted, by the flag of each entry."""
    path = _zip(folder, method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 4)
    return beside(folder, ".zip", bytes(content))


@hostile("INT001", stage="intake")
def zip_cut_off(folder: Path) -> Path:
    """Half an upload."""
    path = _zip(folder)
    return beside(folder, ".zip", path.read_bytes()[: path.stat().st_size // 2])


@hostile("INT001", stage="intake")
def zip_with_damaged_content(folder: Path) -> Path:
    """Stored bytes that do not fit their checksum."""
    return _patched(_zip(folder, method=zipfile.ZIP_STORED), b"#!/usr/bin/env bash", b"#!/usr/bin/env bush")


@hostile("INT001", stage="intake")
def zip_with_unusual_method(folder: Path) -> Path:
    """Packed with LZMA, which needs as much memory as its header says."""
    return _zip(folder, ("zeros", bytes(1_000)), method=zipfile.ZIP_LZMA)


@hostile("INT001", stage="intake")
def zip_without_files(folder: Path) -> Path:
    """Nothing but the end of a zip."""
    return beside(folder, ".zip", b"PK\x05\x06" + bytes(18))


@hostile("INT002", stage="intake")
def zip_with_a_name_twice(folder: Path) -> Path:
    """One run.sh to look at and one to run."""
    path = _zip(folder, ("run.sH", b"exit 0\n"))
    return _patched(path, b"run.sH", b"run.sh")


@hostile("INT002", stage="intake")
def zip_with_names_that_differ_in_case(folder: Path) -> Path:
    """They are one file on half of the world's machines."""
    return _zip(folder, ("RUN.SH", b"exit 0\n"))


@hostile("INT002", stage="intake")
def zip_with_names_that_differ_in_normalisation(folder: Path) -> Path:
    """The same letter, composed and decomposed."""
    return _zip(folder, ("caf\u00e9.txt", b"1"), ("cafe\u0301.txt", b"2"))


@hostile("INT002", stage="intake")
def zip_with_escape_sequence_in_name(folder: Path) -> Path:
    """A name that would retitle the terminal of whoever prints it."""
    return _zip(folder, ("\x1b]0;owned\x07.txt", b"x"))


@hostile("INT002", stage="intake")
def zip_with_nul_in_name(folder: Path) -> Path:
    """What some tools read as `run.sh`."""
    return _patched(_zip(folder, ("x.sh@.txt", b"x")), b"x.sh@.txt", b"x.sh\0.txt")


@hostile("INT002", stage="intake")
def zip_with_right_to_left_name(folder: Path) -> Path:
    """A name that reads otherwise than it is."""
    return _zip(folder, ("photo\u202ehs.gpj", b"x"))


@hostile("INT002", stage="intake")
def zip_with_deep_folders(folder: Path) -> Path:
    """Two hundred folders deep."""
    return _zip(folder, ("d/" * 200 + "x", b"x"))


@hostile("INT002", stage="intake")
def zip_with_long_name(folder: Path) -> Path:
    """A name longer than file systems take."""
    return _zip(folder, ("n" * 300, b"x"))


@hostile("INT001", stage="intake", cheap=True)
def web_page_instead_of_archive(folder: Path) -> Path:
    """What a failed download leaves."""
    return beside(folder, ".zip", b"<!DOCTYPE html><title>Sign in</title>")


@hostile("INT001", stage="intake")
def empty_archivebeside(folder: Path) -> Path:
    """No byte at all."""
    return beside(folder, ".zip", b"")


@hostile("INT001", stage="intake")
def rar_archive(folder: Path) -> Path:
    """A kind that is not read."""
    return beside(folder, ".zip", b"Rar!\x1a\x07\x01\x00" + bytes(100))
