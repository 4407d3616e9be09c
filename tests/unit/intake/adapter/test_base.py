"""The base model's shapes come from its headers; what is wrong with it is our fault, with a remedy."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.errors import EnvironmentFault
from harness.intake.adapter.base import read_base_shapes

WriteWeights = Callable[[Path, Mapping[str, tuple[str, list[int]]]], Path]

TENSORS = {
    "model.embed_tokens.weight": ("BF16", [64, 8]),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", [16, 8]),
    "model.layers.0.self_attn.q_proj.bias": ("BF16", [16]),
    "model.norm.weight": ("BF16", [8]),
    "table": ("F32", [2, 2]),
    "quantised.weight": ("U8", [4, 4]),
    "lm_head.weight": ("BF16", [64, 8]),
}
SHAPES = {"model.layers.0.self_attn.q_proj": (16, 8), "lm_head": (64, 8)}


def test_one_file(tmp_path: Path, write_weights: WriteWeights) -> None:
    write_weights(tmp_path / "model.safetensors", TENSORS)
    assert dict(read_base_shapes(tmp_path).modules) == SHAPES


def test_shards_behind_links_as_in_a_hub_cache(tmp_path: Path, write_weights: WriteWeights) -> None:
    (tmp_path / "base").mkdir()
    for number, name in enumerate(TENSORS):
        blob = write_weights(tmp_path / f"blob{number}", {name: TENSORS[name]})
        (tmp_path / "base" / f"s{number}.safetensors").symlink_to(blob)
    weight_map = {name: f"s{number}.safetensors" for number, name in enumerate(TENSORS)}
    (tmp_path / "base" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert dict(read_base_shapes(tmp_path / "base").modules) == SHAPES


def fault(folder: Path) -> str:
    with pytest.raises(EnvironmentFault) as caught:
        read_base_shapes(folder)
    assert "hf download ORG/NAME --local-dir FOLDER" in caught.value.remedy
    return str(caught.value)


def test_missing_base(tmp_path: Path) -> None:
    assert "neither model.safetensors nor model.safetensors.index.json is there" in fault(tmp_path / "absent")


def test_damaged_base(tmp_path: Path, write_weights: WriteWeights) -> None:
    path = write_weights(tmp_path / "model.safetensors", TENSORS)
    path.write_bytes(path.read_bytes()[:-1])
    assert "ends 1 bytes behind the file's end: cut off" in fault(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "cannot read"),
        ("[]", "cannot read"),
        ('{"weight_map": {"a": "../x.safetensors"}}', "names files elsewhere"),
        ('{"weight_map": {"a": "absent.safetensors"}}', "No such file"),
        ('{"weight_map": {}}', "has no linear weights"),
    ],
)
def test_broken_index(tmp_path: Path, index: str, message: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert message in fault(tmp_path)


def test_base_without_float_weights(tmp_path: Path, write_weights: WriteWeights) -> None:
    write_weights(tmp_path / "model.safetensors", {"a.weight": ("U8", [4, 4])})
    assert "has no linear weights in F32, F16 or BF16" in fault(tmp_path)
