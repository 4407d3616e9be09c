"""The scan for NaN and infinite values agrees with Python's own reading of each value."""

import io
import math
import struct
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake.adapter.finite import count_nonfinite, nonfinite_tensors
from harness.intake.adapter.safetensors import Header, Tensor


def values(data: bytes, dtype: str) -> list[float]:
    if dtype == "BF16":  # the upper half of binary32
        data = b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2))
    return [one for (one,) in struct.iter_unpack("<e" if dtype == "F16" else "<f", data)]


def expected(data: bytes, dtype: str) -> int:
    return sum(not math.isfinite(one) for one in values(data, dtype))


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_every_value_of_16_bits(dtype: str) -> None:
    for number in range(1 << 16):
        data = number.to_bytes(2, "little")
        assert count_nonfinite(data, dtype) == expected(data, dtype), data


@given(st.lists(st.sampled_from([0x00, 0x3F, 0x7F, 0x80, 0xFF]), max_size=16).map(lambda some: bytes(some * 4)))
def test_values_of_32_bits(data: bytes) -> None:
    assert count_nonfinite(data, "F32") == expected(data, "F32")


def test_tensors_are_counted_apart_and_over_chunks() -> None:
    nan = struct.pack("<f", math.nan)
    good = bytes(5 * 1024 * 1024)
    data = good + nan + b"\xff" * 8 + good + nan * 2
    sizes = {"a": ("F32", len(good) + 4), "integers": ("I8", 8), "b": ("F32", len(good) + 8), "c": ("F32", 0)}
    tensors = {}
    position = 0
    for name, (dtype, size) in sizes.items():
        tensors[name] = Tensor(dtype=dtype, shape=(), begin=position, end=position + size)
        position += size
    header = Header(tensors=MappingProxyType(tensors), file_bytes=len(data))
    assert dict(nonfinite_tensors(io.BytesIO(data), header)) == {"a": 1, "b": 2}


def test_file_that_becomes_shorter_is_an_os_error() -> None:
    header = Header(tensors={"a": Tensor(dtype="F32", shape=(2,), begin=0, end=8)}, file_bytes=8)
    with pytest.raises(OSError, match="became shorter"):
        nonfinite_tensors(io.BytesIO(b"1234"), header)
