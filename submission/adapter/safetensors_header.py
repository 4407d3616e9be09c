"""Reads the header of a safetensors file with the standard library: names, types, shapes and places of its tensors.

8 bytes little-endian length N, N bytes of JSON, then the tensors without a gap
(https://github.com/huggingface/safetensors#format). Must not know what the tensors mean.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 2_000_000
DTYPE_BYTES = (
    {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1}
    | {"U16": 2, "I16": 2, "F16": 2, "BF16": 2}
    | {"U32": 4, "I32": 4, "F32": 4}
    | {"U64": 8, "I64": 8, "F64": 8, "C64": 8}
)


class Broken(Exception):
    """The file is damaged, or no safetensors file; the message says what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor: `begin` and `end` are offsets in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path, *, most_bytes: int = MAX_HEADER_BYTES) -> dict[str, Tensor]:
    """Read a header and make sure that its tensors fill the file exactly.

    Raises:
        Broken: See there.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(most_bytes, size_bytes - 8):
            raise Broken(f"its header claims {length:,} bytes: cut off, or no safetensors file")
        text = file.read(length)
    try:
        header = parse_strict(text) if text.startswith(b"{") else None
    except (ValueError, RecursionError) as error:
        raise Broken(f"its header is no JSON ({str(error)[:80]})") from error
    if not isinstance(header, dict):
        raise Broken("its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Broken("its __metadata__ is no object of texts")
    tensors = {name: _tensor(name, entry, 8 + length) for name, entry in header.items()}
    _check_places(tensors, 8 + length, size_bytes)
    return tensors


def parse_strict(content: bytes) -> Any:
    """Parse JSON in UTF-8 in which no name is there twice and nothing is NaN or infinite.

    Readers take all of that differently; of bytes `json` guesses the encoding, and lets halves of characters pass.

    Raises:
        ValueError: It is something else.
        RecursionError: It is nested too deeply.
    """
    return json.loads(content.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def _tensor(name: str, entry: Any, start: int) -> Tensor:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise Broken(f"{name[:80]} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise Broken(f"{name[:80]} has the unknown dtype {str(dtype)[:20]}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(shape) > 8 or len(offsets) != 2:
        raise Broken(f"{name[:80]} has no proper shape or offsets")
    begin, end = offsets
    if math.prod(shape) * DTYPE_BYTES[dtype] != end - begin:
        raise Broken(f"{name[:80]} has {end - begin:,} bytes, which do not fit its shape")
    return Tensor(dtype=dtype, shape=tuple(shape), begin=start + begin, end=start + end)


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 63 for one in value)


def _check_places(tensors: dict[str, Tensor], start: int, size_bytes: int) -> None:
    position = start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != position:
            raise Broken(f"{name[:80]} overlaps another, or leaves a hole")
        position = tensor.end
    if position > size_bytes:
        raise Broken(f"it has {size_bytes:,} bytes where its header promises {position:,}: cut off")
    if position != size_bytes:
        raise Broken(f"{size_bytes - position:,} bytes behind the last tensor belong to none")
