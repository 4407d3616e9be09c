"""A header is read as the format defines it; anything else is a HeaderProblem that says what is wrong."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.intake.adapter.safetensors import HeaderProblem, read_header

WriteWeights = Callable[[Path, Mapping[str, tuple[str, list[int]]]], Path]

GOOD: dict[str, Any] = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
}


def write(path: Path, header: object, data: bytes = bytes(32)) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def changed(name: str, **fields: object) -> dict[str, Any]:
    return GOOD | {name: {**GOOD[name], **fields}}


def test_good_header(tmp_path: Path) -> None:
    path = write(tmp_path / "f", GOOD)
    header = read_header(path)
    start = path.stat().st_size - 32
    a, b = header.tensors["a"], header.tensors["b"]
    assert (a.dtype, a.shape, a.begin, a.end) == ("F32", (2, 3), start, start + 24)
    assert (b.dtype, b.shape, b.begin, b.end) == ("BF16", (4,), start + 24, start + 32)
    assert header.file_bytes == start + 32


def test_order_of_bytes_padding_scalars_and_empty_tensors(tmp_path: Path) -> None:
    header = {
        "z": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
        "e": {"dtype": "F32", "shape": [0, 5], "data_offsets": [4, 4]},
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [4, 5]},
    }
    path = write(tmp_path / "f", json.dumps(header).encode() + b"    ", bytes(5))
    assert list(read_header(path).tensors) == ["z", "e", "a"]


@pytest.mark.torch
def test_what_the_safetensors_package_writes_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    dtypes = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I8": "int8", "BOOL": "bool"}
    save_file({name: torch.zeros(3, 5, dtype=getattr(torch, dtype)) for name, dtype in dtypes.items()}, tmp_path / "f")
    assert {name: (one.dtype, one.shape) for name, one in read_header(tmp_path / "f").tensors.items()} == {
        name: (name, (3, 5)) for name in dtypes
    }


BAD: dict[str, tuple[object, str]] = {
    "list": (b"[1]", "does not begin with `{`"),
    "no JSON": (b"{1}", "its header is no JSON"),
    "no UTF-8": (b'{"\xff": 1}', "its header is no JSON"),
    "deep": (b'{"a":' + b"[" * 200_000, "its header is no JSON"),
    "NaN": (b'{"a": NaN}', "NaN is no JSON"),
    "long number": (b'{"a": ' + b"9" * 5000 + b"}", "its header is no JSON"),
    "twice": (b'{"a": 1, "a": 2}', "a name is there twice"),
    "metadata": (GOOD | {"__metadata__": {"a": 1}}, "`__metadata__` is not an object of strings"),
    "metadata list": (GOOD | {"__metadata__": []}, "`__metadata__` is not an object of strings"),
    "entry": (GOOD | {"a": 7}, "tensor `a` is not described by dtype, shape and data_offsets"),
    "field missing": (GOOD | {"a": {"dtype": "F32", "shape": [1]}}, "tensor `a` is not described"),
    "field more": (changed("a", url="http://x"), "tensor `a` is not described"),
    "dtype": (changed("a", dtype="Q7"), "tensor `a` has the unknown dtype 'Q7'"),
    "dtype list": (changed("a", dtype=["F32"]), "unknown dtype"),
    "shape negative": (changed("a", shape=[-2, -3]), "tensor `a` has no proper shape"),
    "shape bool": (changed("a", shape=[True, 6]), "tensor `a` has no proper shape"),
    "shape float": (changed("a", shape=[2.0, 3]), "tensor `a` has no proper shape"),
    "shape huge": (changed("a", shape=[1 << 63, 0]), "tensor `a` has no proper shape"),
    "shape long": (changed("a", shape=[1] * 9), "tensor `a` has no proper shape"),
    "offsets three": (changed("a", data_offsets=[0, 24, 24]), "tensor `a` has no proper offsets"),
    "offsets negative": (changed("a", data_offsets=[-24, 0]), "tensor `a` has no proper offsets"),
    "offsets back": (changed("a", data_offsets=[24, 0]), "tensor `a` has no proper offsets"),
    "size": (changed("a", shape=[2, 4]), "tensor `a` has 24 bytes, which is not its shape times 4 bytes"),
    "size overflow": (changed("a", shape=[1 << 62, 8]), "tensor `a` has 24 bytes"),
    "behind the end": (changed("b", data_offsets=[32, 40]), "tensor `b` ends 8 bytes behind the file's end: cut off"),
    "overlap": (changed("b", data_offsets=[16, 24]), "tensor `b` overlaps another"),
    "hole": ({"b": GOOD["b"]}, "tensor `b` leaves a hole before it"),
    "rest": ({"a": GOOD["a"]}, "8 bytes behind the last tensor belong to none"),
    "hidden name": (GOOD | {"\x1b[31m": 7}, "tensor `\\x1b[31m` is not described"),
}


@pytest.mark.parametrize(("header", "message"), BAD.values(), ids=BAD)
def test_bad_headers(tmp_path: Path, header: object, message: str) -> None:
    with pytest.raises(HeaderProblem) as caught:
        read_header(write(tmp_path / "f", header))
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file has only 0 bytes"),
        (b"12345678", "the file has only 8 bytes"),
        (b"\xff" * 8 + b"{}", "its header claims 18446744073709551615 bytes of 2 possible: cut off, or no safetensors"),
        (b"PK\x03\x04" + bytes(100), "its header claims 67324752 bytes of 96 possible"),
        (bytes(100), "its header does not begin with `{`"),
    ],
)
def test_bad_starts(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(HeaderProblem) as caught:
        read_header(tmp_path / "f")
    assert message in str(caught.value)


def test_header_longer_than_allowed_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(300_000_000)
    with pytest.raises(HeaderProblem, match="takes 200000000 bytes, and at most 100000000 are read"):
        read_header(tmp_path / "f")


def test_links_and_pipes_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(tmp_path / "f", GOOD))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HeaderProblem, match="link is a link"):
        read_header(tmp_path / "link")
    with pytest.raises(HeaderProblem, match="pipe is not a plain file"):
        read_header(tmp_path / "pipe")


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "f")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers")


def read_or_problem(path: Path) -> None:
    """Read; a header that is accepted must describe the file byte by byte."""
    try:
        header = read_header(path)
    except HeaderProblem:
        return
    position = header.file_bytes - sum(one.end - one.begin for one in header.tensors.values())
    for one in header.tensors.values():
        assert one.begin == position
        position = one.end
    assert position == path.stat().st_size


@given(content=st.binary(max_size=300))
def test_random_bytes(scratch: Path, content: bytes) -> None:
    (scratch / "f").write_bytes(content)
    read_or_problem(scratch / "f")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
COUNTS = st.lists(st.integers(-1, 40) | st.integers() | JSON, max_size=4)
ENTRY = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F32", "BF16", "I8"]) | JSON, "shape": COUNTS | JSON, "data_offsets": COUNTS | JSON}
)


@settings(max_examples=150)
@given(header=st.dictionaries(st.text(max_size=5) | st.just("__metadata__"), ENTRY | JSON, max_size=4) | JSON)
def test_random_json(scratch: Path, header: object) -> None:
    read_or_problem(write(scratch / "f", header))


@settings(max_examples=150)
@given(
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=4), keep=st.floats(0, 1)
)
def test_mutations(scratch: Path, changes: list[tuple[float, int]], keep: float) -> None:
    data = bytearray(write(scratch / "f", GOOD).read_bytes())
    for share, value in changes:
        data[int(share * len(data))] = value
    (scratch / "f").write_bytes(data[: int(keep * len(data))])
    read_or_problem(scratch / "f")


def test_fixture_writes_what_is_read(tmp_path: Path, write_weights: WriteWeights) -> None:
    assert read_header(write_weights(tmp_path / "f", {"a": ("BF16", [2, 3])})).tensors["a"].shape == (2, 3)
