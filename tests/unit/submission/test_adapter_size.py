"""How big an adapter gets is told from config.json alone, and is what it really is."""

import json
from pathlib import Path

import pytest
from adapter.files import base_name
from adapter.size import adapter_bytes, early_warning

LARGE = {  # of the shapes of a 4B model
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


def test_a_rank_that_is_too_big_is_told_with_one_that_fits(tmp_path: Path) -> None:
    base = tmp_path / "Qwen3-4B"
    base.mkdir()
    (base / "config.json").write_text(json.dumps(LARGE))
    words = early_warning(str(base), 64)
    assert words is not None
    assert words.startswith("warning: with --lora_rank 64 the adapter has about 264 MB, the course takes 100 MB: ")
    assert words.endswith("--lora_rank 24 would fit")
    assert early_warning(str(base), 24) is None
    assert early_warning(str(base), 64, ["q_proj", "v_proj"]) is None
    assert early_warning("Qwen/Qwen3-4B", 8, ["q_proj", "lm_head"]) == (
        "warning: --lora_targets names lm_head; the course takes "
        "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
    )
    assert early_warning("Qwen/Qwen3-4B", 65) == "warning: --lora_rank is 65; the course takes at most 64"


@pytest.mark.parametrize("config", [None, "{", "[]", "{}", '{"hidden_size": "x"}', json.dumps({"text_config": LARGE})])
def test_what_cannot_be_told_is_not_told(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "Qwen3-4B").mkdir()
        (tmp_path / "Qwen3-4B" / "config.json").write_text(config)
    assert early_warning(str(tmp_path / "Qwen3-4B"), 64) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("store-7f3a", "store-7f3a"),
        ("Qwen3-4B", "Qwen3-4B"),  # a link to the folder above
        ("models--Qwen--Qwen3-4B/snapshots/0123abcd", "Qwen/Qwen3-4B"),
    ],
)
def test_a_base_is_called_as_the_grader_calls_it(tmp_path: Path, path: str, name: str) -> None:
    (tmp_path / "store-7f3a").mkdir()
    (tmp_path / "Qwen3-4B").symlink_to("store-7f3a")
    (tmp_path / "models--Qwen--Qwen3-4B" / "snapshots").mkdir(parents=True)
    (tmp_path / "models--Qwen--Qwen3-4B" / "snapshots" / "0123abcd").symlink_to(tmp_path / "store-7f3a")
    assert base_name(str(tmp_path / path)) == name
    taken = "Qwen3-4B" in name
    words = "warning: the base model is store-7f3a; the course takes adapters of Qwen3-4B, Qwen3-tiny"
    assert early_warning(str(tmp_path / path), 8) == (None if taken else words)


@pytest.mark.torch
def test_it_is_the_size_of_the_weights(tiny_base: Path) -> None:
    from safetensors import safe_open

    with safe_open(tiny_base.parent / "adapter" / "adapter_model.safetensors", framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  # is no mapping
    config = json.loads((tiny_base.parent / "adapter" / "adapter_config.json").read_text())
    assert adapter_bytes(str(tiny_base), config["r"]) == sum(2 * one * other for one, other in shapes.values())
    few = adapter_bytes(str(tiny_base), config["r"], ["down_proj", "q_proj"])
    some = [shape for name, shape in shapes.items() if "q_proj" in name or "down_proj" in name]
    assert few == sum(2 * one * other for one, other in some)
