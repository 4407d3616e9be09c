"""The files that an image build is given, as a tar stream made on the fly. Must not talk to an engine.

Nothing is copied on the host: with gigabytes of wheels a second copy in a temporary folder is what fills a disk.
"""

import io
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

CHUNK_BYTES = 1 << 20
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def split_certificates(bundle: bytes) -> tuple[bytes, ...]:
    """Cut a PEM bundle into single certificates: the system store takes one per file."""
    return tuple(_CERTIFICATE.findall(bundle))


def build_context(
    *, dockerfile: bytes, requirements: bytes, wheels: Iterable[Path], ca_bundle: bytes | None
) -> Iterator[bytes]:
    """Yield the build context: Dockerfile, requirements.lock, wheels/, ca/ (empty without a bundle)."""
    certificates = split_certificates(ca_bundle or b"")
    texts = {"Dockerfile": dockerfile, "requirements.lock": requirements}
    texts |= {f"ca/{number:04d}.crt": pem for number, pem in enumerate(certificates)}
    return tar_stream(folders=("ca", "wheels"), texts=texts, files={f"wheels/{path.name}": path for path in wheels})


def tar_stream(
    *, folders: Iterable[str] = (), texts: Mapping[str, bytes], files: Mapping[str, Path]
) -> Iterator[bytes]:
    """Yield a tar archive piece by piece; names sorted by kind, no times, no owners, so that equal input is equal."""
    for name in folders:
        yield _header(name, kind=tarfile.DIRTYPE, mode=0o755)
    for name, content in texts.items():
        yield _header(name, size_bytes=len(content))
        yield from _padded(io.BytesIO(content), len(content))
    for name, path in files.items():
        size_bytes = path.stat().st_size
        yield _header(name, size_bytes=size_bytes)
        with path.open("rb") as file:
            yield from _padded(file, size_bytes)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, size_bytes: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size = kind, mode, size_bytes
    return info.tobuf(format=tarfile.PAX_FORMAT)


def _padded(file: io.BufferedIOBase, size_bytes: int) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
    yield bytes(-size_bytes % tarfile.BLOCKSIZE)
