"""Runs download.py for a folder and says what it left: what several tests of it use."""

import hashlib
from pathlib import Path

import download
from loopback import adapter_entries, zip_bytes

ZIP = zip_bytes(adapter_entries("adapter_checkpoint/"))
CUT_AT = 150_000
WHOLE_CHUNKS = 131_072
SHA256 = hashlib.sha256(ZIP).hexdigest()


def run(tmp_path: Path, source: str, *options: str) -> int:
    output = tmp_path / "adapter_checkpoint"
    return download.main(["--source", source, "--output", str(output), "--retry_wait_s", "0", *options])


def contents(tmp_path: Path) -> dict[str, bytes]:
    """Read all that lies in the folder where the adapter goes, hidden things included."""
    return {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


def assert_complete(tmp_path: Path) -> None:
    """The two files are there, and nothing else is left over."""
    assert contents(tmp_path) == adapter_entries("adapter_checkpoint/")
    assert [p.name for p in tmp_path.iterdir()] == ["adapter_checkpoint"]
