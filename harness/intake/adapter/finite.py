"""Counts NaN and infinite values in raw tensor bytes at C speed without numpy. Knows no model.

A value is NaN or infinite exactly if all bits of its exponent are one (IEEE 754-2019, section 3.4; bfloat16 is the
upper half of binary32). The bytes that hold the exponent are sliced out; where the exponent crosses a byte, both bytes
are mapped to 0 or 1 and combined as two long integers, so that no input makes the scan slow.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO

from harness.intake.adapter.safetensors import DTYPE_BYTES, Header

FLOAT_DTYPES = ("F32", "F16", "BF16")

_CHUNK_BYTES = 4 * 1024 * 1024
_F16_ONES = bytes(byte for byte in range(256) if byte & 0x7C == 0x7C)
_UPPER_ONES = bytes(byte & 0x7F == 0x7F for byte in range(256))
_TOP_BIT = bytes(byte >> 7 for byte in range(256))


def count_nonfinite(data: bytes, dtype: str) -> int:
    """Count the NaN and infinite values in little-endian `data`.

    Args:
        data: A whole number of values.
        dtype: One of `FLOAT_DTYPES`.
    """
    size = DTYPE_BYTES[dtype]
    upper = data[size - 1 :: size]
    if dtype == "F16":
        return len(upper) - len(upper.translate(None, delete=_F16_ONES))
    if b"\x7f" not in upper and b"\xff" not in upper:
        return 0
    upper_ones = int.from_bytes(upper.translate(_UPPER_ONES), "little")
    lower_ones = int.from_bytes(data[size - 2 :: size].translate(_TOP_BIT), "little")
    return (upper_ones & lower_ones).bit_count()


def nonfinite_tensors(file: BinaryIO, header: Header) -> Mapping[str, int]:
    """Give the names of the tensors that hold NaN or infinite values, and how many; other dtypes are passed over.

    Raises:
        OSError: The machine cannot read the file.
    """
    found: dict[str, int] = {}
    for name, tensor in header.tensors.items():
        if tensor.dtype not in FLOAT_DTYPES:
            continue
        file.seek(tensor.begin)
        left = tensor.end - tensor.begin
        count = 0
        while left:
            chunk = file.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise OSError("the file became shorter while it was read")
            left -= len(chunk)
            count += count_nonfinite(chunk, tensor.dtype)
        if count:
            found[name] = count
    return MappingProxyType(found)
