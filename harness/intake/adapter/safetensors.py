"""Reads the header of a safetensors file without trusting it. Loads no tensor; knows nothing of adapters or models.

Format: 8 bytes little-endian length N, N bytes of JSON, then the tensors without gap
(https://github.com/huggingface/safetensors#format).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from harness.intake.adapter.strict_json import parse_strict
from harness.intake.plain import NotPlainFile, open_plain
from harness.language import WordedError, message
from harness.text import visible

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
MAX_DIMENSIONS = 8
DTYPE_BYTES: Mapping[str, int] = MappingProxyType(
    {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1}
    | {"U16": 2, "I16": 2, "F16": 2, "BF16": 2}
    | {"U32": 4, "I32": 4, "F32": 4}
    | {"U64": 8, "I64": 8, "F64": 8, "C64": 8}
)


class HeaderProblem(WordedError):
    """The file is no safetensors file, or a damaged one; the text says what is wrong. Safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Where a tensor lies and what it is: `begin` and `end` are byte offsets in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header that was checked: tensors in the order of their bytes, which fill the file without gap or overlap."""

    tensors: Mapping[str, Tensor]
    file_bytes: int


def read_header(path: Path, *, max_header_bytes: int = MAX_HEADER_BYTES) -> Header:
    """Read and check the header of a file.

    Raises:
        HeaderProblem: The content is not as the format asks, or the path is no plain file.
        OSError: The file is missing, or the machine cannot read it.
    """
    try:
        with open_plain(path) as file:
            return parse_header(file, max_header_bytes=max_header_bytes)
    except NotPlainFile as problem:
        raise HeaderProblem(problem.words) from problem


def parse_header(file: BinaryIO, *, max_header_bytes: int = MAX_HEADER_BYTES) -> Header:
    """Read and check the header of an open, seekable file; see `read_header`."""
    file_bytes = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if file_bytes < LENGTH_BYTES + 2:
        raise HeaderProblem(message("the file has only {count} bytes", count=file_bytes))
    most = file_bytes - LENGTH_BYTES
    if max_header_bytes < length <= most:
        raise HeaderProblem(
            message(
                "its header takes {length} bytes, and at most {most} are read", length=length, most=max_header_bytes
            )
        )
    if length > most:
        raise HeaderProblem(
            message(
                "its header claims {length} bytes of {most} possible: cut off, or no safetensors",
                length=length,
                most=most,
            )
        )
    entries = _parse_json(file.read(length))
    _check_metadata(entries.pop("__metadata__", {}))
    start = LENGTH_BYTES + length
    tensors = {name: _tensor(name, entry, start) for name, entry in entries.items()}
    ordered = dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)))
    _check_tiling(ordered, start, file_bytes)
    return Header(tensors=MappingProxyType(ordered), file_bytes=file_bytes)


def _parse_json(data: bytes) -> dict[str, object]:
    if not data.startswith(b"{"):
        raise HeaderProblem(message("its header does not begin with `{`: no safetensors file"))
    try:
        value = parse_strict(data.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise HeaderProblem(message("its header is no JSON: {reason}", reason=visible(str(problem), 100))) from problem
    if not isinstance(value, dict):
        raise HeaderProblem(message("its header is no JSON object"))
    return value


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise HeaderProblem(message("its `__metadata__` is not an object of strings"))


def _tensor(name: str, entry: object, start: int) -> Tensor:
    shown = message("tensor `{name}`", name=visible(name, 120))
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise HeaderProblem(message("{tensor} is not described by dtype, shape and data_offsets", tensor=shown))
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise HeaderProblem(
            message("{tensor} has the unknown dtype {dtype}", tensor=shown, dtype=visible(repr(dtype), 40))
        )
    if not _is_counts(shape) or len(shape) > MAX_DIMENSIONS:
        raise HeaderProblem(message("{tensor} has no proper shape", tensor=shown))
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise HeaderProblem(message("{tensor} has no proper offsets", tensor=shown))
    begin, end = offsets
    if math.prod(shape) * DTYPE_BYTES[dtype] != end - begin:
        raise HeaderProblem(
            message(
                "{tensor} has {count} bytes, which is not its shape times {each} bytes",
                tensor=shown,
                count=end - begin,
                each=DTYPE_BYTES[dtype],
            )
        )
    return Tensor(dtype=dtype, shape=tuple(shape), begin=start + begin, end=start + end)


def _is_counts(value: object) -> bool:
    """Tell whether `value` is a list of integers from 0 to 2^63 - 1."""
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 63 for one in value)


def _check_tiling(ordered: Mapping[str, Tensor], start: int, file_bytes: int) -> None:
    position = start
    for name, tensor in ordered.items():
        if tensor.end > file_bytes:
            over = tensor.end - file_bytes
            raise HeaderProblem(
                message(
                    "tensor `{name}` ends {over} bytes behind the file's end: cut off",
                    name=visible(name, 120),
                    over=over,
                )
            )
        if tensor.begin != position:
            if tensor.begin < position:
                raise HeaderProblem(message("tensor `{name}` overlaps another", name=visible(name, 120)))
            raise HeaderProblem(message("tensor `{name}` leaves a hole before it", name=visible(name, 120)))
        position = tensor.end
    if position != file_bytes:
        raise HeaderProblem(message("{count} bytes behind the last tensor belong to none", count=file_bytes - position))
