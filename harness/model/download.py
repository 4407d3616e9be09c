"""What download.sh did to the submission's folder. Mirrors `download.v1` (a test holds both); reads no file."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, link or folder that was brought or changed.

    Attributes:
        path: From the submission's root, its bytes percent-encoded as in a URL.
        mode: Permission bits.
        bytes: Size of a file, else 0.
        sha256: Of a file, which the store holds under it.
        target: Of a link, percent-encoded too.
    """

    path: str
    kind: Literal["file", "link", "folder"]
    mode: int
    bytes: int
    sha256: str | None
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One successful fetch (`download.v1`).

    Attributes:
        key: What it is found by: SHA-256 of tree and command.
        fetched_at: When download.sh ended: ISO 8601 in UTC.
        hosts: What it was allowed to reach.
        stdout_sha256: What it printed, which the store holds too.
        removed: Paths that were there before and are no more, percent-encoded.
    """

    schema: Literal["download.v1"] = "download.v1"
    key: str
    tree_sha256: str
    command: tuple[str, ...]
    fetched_at: str
    sandbox: str
    image_id: str | None
    exit_code: int
    duration_s: float
    hosts: tuple[str, ...]
    refused_hosts: tuple[str, ...]
    unreached_hosts: tuple[str, ...]
    stdout_sha256: str
    stderr_sha256: str
    entries: tuple[Entry, ...]
    removed: tuple[str, ...]

    @property
    def blobs(self) -> frozenset[str]:
        """The SHA-256 of everything that the store must hold for it."""
        files = {one.sha256 for one in self.entries if one.sha256 is not None}
        return frozenset({self.stdout_sha256, self.stderr_sha256} | files)
