"""Small good files of every kind that the readers read, to begin from. Made by code, the same bytes each time."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib

from harness.intake.archive.compressed import zstd

FILES = {"r1/run.sh": b"echo run\n" * 9, "r1/code/a.py": b"x = 1\n", "r1/\u4f5c\u696d.txt": b"", "__MACOSX/._a": b"m"}
SKIPPED = b"\x50\x2a\x4d\x18" + struct.pack("<L", 4) + b"skip"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def archives() -> dict[str, bytes]:
    """Give archives by name."""
    tars = {f"tar-{form}": _tar(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)}
    plain = tars[f"tar-{tarfile.PAX_FORMAT}"]
    return {
        **tars,
        "tar-kinds": _kinds(),
        "zip-stored": _zip(zipfile.ZIP_STORED),
        "zip-deflated": _zip(zipfile.ZIP_DEFLATED),
        "zip-lzma": _zip(zipfile.ZIP_LZMA),
        "zip-unicode-path": _unicode_path(),
        "gz": gzip.compress(plain, mtime=0),
        "gz-members": gzip.compress(plain[:700], mtime=0) + gzip.compress(plain[700:], mtime=0),
        "bz2": bz2.compress(plain),
        "xz": lzma.compress(plain, preset=0),
        "xz-streams": lzma.compress(plain[:700], preset=0) + bytes(4) + lzma.compress(plain[700:], preset=0),
        "zst": zstd.compress(plain),
        "zst-frames": zstd.compress(plain[:700]) + SKIPPED + zstd.compress(plain[700:]),
        "bomb": gzip.compress(_tar(tarfile.USTAR_FORMAT, {"zeros": bytes(100_000)}), mtime=0),
    }


def headers() -> dict[str, bytes]:
    """Give safetensors files by name."""
    two = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
    }
    scalar = {"s": {"dtype": "U8", "shape": [], "data_offsets": [0, 1]}}
    empty = {"e": {"dtype": "F16", "shape": [0, 5], "data_offsets": [0, 0]}, **scalar}
    texts = {"text-two": json.dumps(two).encode() + b"\n\n" + bytes(32)}
    return {
        **texts,
        "two": _safetensors(two, 32),
        "scalar": _safetensors(scalar, 1),
        "empty": _safetensors(empty, 1),
        "none": _safetensors({}, 0),
        "padded": _safetensors(two, 32, padding=b"   "),
    }


WORDS = (
    *(
        '{"',
        '":{"dtype":"',
        '","shape":[',
        '],"data_offsets":[',
        "]}",
        "__metadata__",
        "F32",
        "BF16",
        "U8",
        "-0",
        "1e9",
    ),
    *(
        "ustar",
        "../",
        "GNU.sparse.major=1",
        "path=",
        "size=",
        "PK\\x01\\x02",
        "PK\\x03\\x04",
        "PK\\x05\\x06",
        "PK\\x06\\x06",
    ),
)


def dictionary() -> str:
    """Give words that are worth trying, in libFuzzer's form."""
    return "".join(f'"{word.replace(chr(34), chr(92) + chr(34))}"\n' for word in WORDS)


def repaired(data: bytes) -> bytes:
    """Set what a random change always breaks: the check sums of tar headers, so that what lies behind is reached."""
    blocks = bytearray(data)
    for at in range(0, len(blocks) - 511, 512):
        if blocks[at + 257 : at + 262] == b"ustar":
            blocks[at + 148 : at + 156] = b" " * 8
            blocks[at + 148 : at + 156] = b"%06o\0 " % sum(blocks[at : at + 512])
    return bytes(blocks)


def framed(data: bytes) -> bytes:
    """Make a safetensors file with a right length of anything: what stands before an empty line is the header."""
    text, _, body = data.partition(b"\n\n")
    return struct.pack("<Q", len(text)) + text + body


def _tar(form: int, files: dict[str, bytes] = FILES) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in {**files, "d" * 90 + "/" + "f" * 60: b"long"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _kinds() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in b"0123456gxLKS":
            info = tarfile.TarInfo(f"kind{kind}")
            info.type, info.linkname = bytes((kind,)), "/etc/passwd" if kind in b"12" else ""
            archive.addfile(info)
    return out.getvalue()


def _zip(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in FILES.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, compress_type=method)
    return out.getvalue()


def _unicode_path() -> bytes:
    info = zipfile.ZipInfo("??.txt", _EPOCH)
    field = struct.pack("<BL", 1, zlib.crc32(b"??.txt")) + "\u4f5c\u696d.txt".encode()
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, b"c")
    return out.getvalue()


def _safetensors(header: dict[str, object], data_bytes: int, *, padding: bytes = b"") -> bytes:
    text = json.dumps(header).encode() + padding
    return struct.pack("<Q", len(text)) + text + bytes(data_bytes)
