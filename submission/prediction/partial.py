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
from files import InputError, sha256_of, write_text

_BEGIN = '{"id": "'
"""What every line begins with; of the first one, a run that was killed may have left less."""


class Partial:
    """The answers that are there.

    Args:
        output: Where all answers go in the end.
        digests: For each id what `digest` gives.
    """

    def __init__(self, output: Path, digests: Mapping[str, str]) -> None:
        self.path = partial_path(output)
        self.old_path = old_path(output)
        self._digests = digests
        self.found: dict[str, dict[str, Any]] = {}
        self.unused = 0
        self.others: list[dict[str, Any]] = []  # of another run
        for line in _lines(self.path):
            entry = _parsed(line)
            if entry and digests.get(entry["id"]) == entry["digest"]:
                self.found[entry["id"]] = entry
            else:
                self.unused += 1
                self.others += [entry] if entry else []

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


def old_path(output: Path) -> Path:
    """Give the name of the file that answers of another run are put aside in."""
    return output.with_name(f"{output.name}.partial.old")


def refuse_foreign(output: Path) -> None:
    """Make sure that what lies where answers are kept was left by an earlier run: in the end it is removed.

    Raises:
        InputError: No line of it is an answer, nor a single one the begin of one.
    """
    path = partial_path(output)
    lines = _lines(path)
    if lines and not any(map(_parsed, lines)) and not (len(lines) == 1 and _is_cut_off(lines[0])):
        raise InputError(
            f"{path} holds no answers of predict.py, which keeps them there until OUTPUT is written; move it away, or "
            "give another name as OUTPUT"
        )


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


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line]


def _is_cut_off(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return line.startswith(_BEGIN) or _BEGIN.startswith(line)
    return False


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
