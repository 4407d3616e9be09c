"""The build context is a valid, repeatable tar with just the files that the Dockerfile asks for."""

import io
import tarfile
from pathlib import Path

from harness.sandbox.image.context import build_context, split_certificates

FIRST = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SECOND = b"-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"


def read(content: bytes) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {
            member.name: file.read() if (file := archive.extractfile(member)) else None
            for member in archive.getmembers()
        }


def make(folder: Path, *, ca_bundle: bytes | None) -> bytes:
    wheel = folder / "a-1-py3-none-any.whl"
    wheel.write_bytes(b"w" * 1500)
    context = build_context(dockerfile=b"FROM x\n", requirements=b"a==1", wheels=[wheel], ca_bundle=ca_bundle)
    return b"".join(context)


def test_context_holds_dockerfile_list_wheels_and_certificates(tmp_path: Path) -> None:
    assert read(make(tmp_path, ca_bundle=b"comment\n" + FIRST + b"\n" + SECOND)) == {
        "ca": None,
        "wheels": None,
        "Dockerfile": b"FROM x\n",
        "requirements.lock": b"a==1",
        "ca/0000.crt": FIRST,
        "ca/0001.crt": SECOND,
        "wheels/a-1-py3-none-any.whl": b"w" * 1500,
    }


def test_without_a_bundle_the_folder_is_there_and_empty(tmp_path: Path) -> None:
    assert [name for name in read(make(tmp_path, ca_bundle=None)) if name.startswith("ca")] == ["ca"]


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    assert make(tmp_path, ca_bundle=FIRST) == make(tmp_path, ca_bundle=FIRST)


def test_a_file_without_certificates_gives_none() -> None:
    assert split_certificates(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") == ()
