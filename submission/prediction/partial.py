"""Keeps answers beside OUTPUT until all are there, so that a run that was cut short goes on where it stopped.

`OUTPUT.partial` has a line of JSON for each finished answer, with a digest of all that decided it; a line whose digest
is another one is not used, but kept in `OUTPUT.partial.old`. Must not know about models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapter.files import ADAPTER_FILES, base_name
from base_model import fingerprint
from files import sha256_of, write_text


class Partial:
    """The answers that are there.

    Args:
        output: Where all answers go in the end.
        digests: For each id what `digest` gives.
    """

    def __init__(self, output: Path, digests: Mapping[str, str]) -> None:
        self.path = partial_path(output)
        self.old_path = output.with_name(f"{output.name}.partial.old")
        self._digests = digests
        self.found: dict[str, dict[str, Any]] = {}
        self.unused = 0
        self.others: list[dict[str, Any]] = []  # of another run
        for line in self._lines():
            entry = _parsed(line)
            if entry and digests.get(entry["id"]) == entry["digest"]:
                self.found[entry["id"]] = entry
            else:
                self.unused += 1
                self.others += [entry] if entry else []

    def _lines(self) -> list[str]:
        if not self.path.is_file():
            return []
        return [line for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n") if line]

    def begin(self) -> None:
        """Write the file anew with the answers that are used: the last line of a killed run may be half there.

        Whole answers of another run are put aside: they may have taken hours.
        """
        if self.others:
            with self.old_path.open("a", encoding="utf-8") as file:
                file.write("".join(_line(entry) for entry in self.others))
        write_text(self.path, "".join(_line(entry) for entry in self.found.values()))

    def add(self, key: str, *, output: str, cut: bool) -> None:
        """Keep an answer; it is there even if this process is killed right after."""
        entry = {"id": key, "output": output, "cut": cut, "digest": self._digests[key]}
        self.found[key] = entry
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))

    def remove(self) -> None:
        """Remove the file; all answers are in OUTPUT."""
        self.path.unlink(missing_ok=True)


def partial_path(output: Path) -> Path:
    """Give the name of the file that keeps answers until OUTPUT is written."""
    return output.with_name(f"{output.name}.partial")


def digest(base: str, adapter: Path, settings: Mapping[str, Any]) -> str:
    """Give a digest of what decides all answers: base, adapter and settings."""
    what = {
        "base": (base_name(base), fingerprint(base)),
        "adapter": [sha256_of(adapter / name) for name in ADAPTER_FILES],
        "settings": dict(settings),
    }
    return _hash(json.dumps(what, sort_keys=True, default=str))


def digest_of_row(common: str, prompt: str) -> str:
    """Add the text of a prompt to the digest."""
    return _hash(f"{common}\n{prompt}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds = {"id": str, "output": str, "cut": bool, "digest": str}
    whole = isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in kinds.items())
    return entry if whole else None
