"""What lies in a base model's folder: sizes from safetensors headers, SHA-256 of every file. Needs Python alone.

Hashing a base of 8 GB takes seconds, so digests are kept beside the path, size and change time that they were taken at.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.files import write_json
from harness.scoring.refusal import BaseModelError

# What config, weights and tokenizer are made of; a README beside them does not change a score.
SUFFIXES = (".json", ".safetensors", ".model", ".txt", ".jinja")
_MAX_HEADER_BYTES = 100_000_000
_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Numbers of weights: all, and those in the matrices of linear layers, which quantisation packs."""

    parameters: int
    linear_parameters: int


def base_files(folder: Path) -> tuple[Path, ...]:
    """List the files that make a score what it is, by name.

    Raises:
        BaseModelError: It is no folder.
    """
    if not folder.is_dir():
        raise BaseModelError("the base model is not a folder")
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()))


def read_size(folder: Path) -> Size:
    """Count the weights of a base model from the headers of its safetensors files.

    Raises:
        BaseModelError: It is no folder, or a header cannot be read.
    """
    shapes = [shape for path in base_files(folder) if path.suffix == ".safetensors" for shape in _shapes(path)]
    return Size(
        parameters=sum(math.prod(shape) for _, shape in shapes),
        linear_parameters=sum(math.prod(shape) for name, shape in shapes if _is_linear(name, shape)),
    )


def fingerprint(folder: Path, *, cache: Path | None = None) -> dict[str, str]:
    """Give the SHA-256 of each file of a base model, by name.

    Args:
        folder: The base model.
        cache: JSON file of digests that were taken before; read, and written where something was missing in it.

    Raises:
        BaseModelError: It is no folder, or a file cannot be read.
    """
    known = _read_cache(cache)
    paths = base_files(folder)
    try:
        keys = {path: _key(path) for path in paths}
        missing = [path for path in paths if keys[path] not in known]
        with ThreadPoolExecutor(_THREADS) as threads:
            fresh = dict(zip(missing, threads.map(_sha256, missing), strict=True))
    except OSError as error:
        raise BaseModelError(f"a file of the base model cannot be read: {error.strerror}") from error
    digests = {path: fresh[path] if path in fresh else known[keys[path]] for path in paths}
    if cache is not None and fresh:
        write_json(cache, known | {keys[path]: digest for path, digest in fresh.items()})
    return {path.name: digest for path, digest in digests.items()}


def digest_of(files: Mapping[str, str]) -> str:
    """Give one SHA-256 for all files: that of the lines ``DIGEST  NAME`` in the order of names, as sha256sum writes."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def check_digest(files: Mapping[str, str], expected: str | None) -> None:
    """Hold a base model against the digest that was asked for.

    Raises:
        BaseModelError: It is another one.
    """
    seen = digest_of(files)
    if expected is not None and seen != expected:
        raise BaseModelError(f"the base model is not the one that was asked for: SHA-256 {seen}, expected {expected}")


def _shapes(path: Path) -> Iterator[tuple[str, list[int]]]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _MAX_HEADER_BYTES)))
        for name, entry in header.items():
            if name != "__metadata__":
                yield name, entry["shape"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BaseModelError(f"the header of {path.name} cannot be read") from error


def _is_linear(name: str, shape: list[int]) -> bool:
    return len(shape) == 2 and "embed" not in name and "lm_head" not in name


def _key(path: Path) -> str:
    real = path.resolve()
    facts = real.stat()
    return f"{real}:{facts.st_size}:{facts.st_mtime_ns}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_cache(cache: Path | None) -> dict[str, str]:
    """Read the digests; a torn or foreign file counts as empty."""
    try:
        known = json.loads(cache.read_text(encoding="utf-8")) if cache else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and all(isinstance(one, str) for one in known.values()) else {}
