"""The header of a safetensors file is read as strictly as the gate reads it."""

import json
from pathlib import Path

import pytest
from adapter.admission import find_refusals
from adapter.safetensors_header import Broken, read_header
from loopback import adapter_config, adapter_entries, safetensors_bytes

from harness.intake.adapter.safetensors import HeaderProblem
from harness.intake.adapter.safetensors import read_header as gate_reads

ENCODINGS = ("utf-16-le", "utf-32-le", "surrogate")


def encoded(text: str, encoding: str, *, place: str) -> bytes:
    """Encode JSON as no strict UTF-8; for `surrogate` with the bytes of one in place of a text in it."""
    if encoding == "surrogate":
        return text.replace(place, "\ud800").encode("utf-8", "surrogatepass")
    return text.encode(encoding)


def with_header(header: bytes, content: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + content


@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS])
def test_a_header_in_another_encoding_is_refused_as_by_the_gate(encoding: str, tmp_path: Path) -> None:
    path, whole = tmp_path / "x.safetensors", safetensors_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.dumps(json.loads(whole[8 : 8 + length]) | {"__metadata__": {"format": "pt"}})
    path.write_bytes(with_header(encoded(header, encoding, place="pt"), whole[8 + length :]))
    if encoding == "utf-8":
        assert list(gate_reads(path).tensors) == list(read_header(path))
        return
    with pytest.raises(HeaderProblem, match="its header is no JSON"):
        gate_reads(path)
    with pytest.raises(Broken, match="its header is no JSON"):
        read_header(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_config_in_another_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    config = encoded(adapter_config().decode(), encoding, place="LORA")
    for name, content in (adapter_entries() | {"adapter_config.json": config}).items():
        (tmp_path / name).write_bytes(content)
    assert find_refusals(tmp_path)[0].startswith("adapter_config.json: it is no JSON (")


def test_header_reader_names_what_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(with_header(b"[]", b""))
    with pytest.raises(Broken, match="its header is no JSON object"):
        read_header(path)
