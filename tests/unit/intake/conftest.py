"""A target to unpack to, and safetensors files written by hand, so that the tests can also write broken ones."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I8": 1, "U8": 1}
WriteWeights = Callable[[Path, Mapping[str, tuple[str, list[int]]]], Path]


@pytest.fixture
def write_weights() -> WriteWeights:
    """Give a function that writes tensors of zeros: name to (dtype, shape)."""

    def write(path: Path, tensors: Mapping[str, tuple[str, list[int]]]) -> Path:
        entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
        position = 0
        for name, (dtype, shape) in tensors.items():
            end = position + math.prod(shape) * SIZES[dtype]
            entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
            position = end
        text = json.dumps(entries).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        os.truncate(path, 8 + len(text) + position)
        return path

    return write


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """A place to unpack to, beside which nothing may be left."""
    folder = tmp_path / "run"
    folder.mkdir()
    yield folder / "unpacked"
    assert {path.name for path in folder.iterdir()} <= {"unpacked"}, "a temporary folder was left behind"
