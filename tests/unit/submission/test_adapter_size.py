"""How big an adapter gets is told from config.json alone, and is what it really is."""

import json
from pathlib import Path

import pytest
from adapter.size import adapter_bytes, size_warning

LARGE = {  # of the shapes of a 4B model
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


def test_a_rank_that_is_too_big_is_told_with_one_that_fits(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    words = size_warning(str(tmp_path), 64)
    assert words is not None
    assert words.startswith("warning: with --lora_rank 64 the adapter has about 264 MB, the course takes 100 MB: ")
    assert words.endswith("--lora_rank 24 would fit")
    assert size_warning(str(tmp_path), 24) is None
    assert size_warning(str(tmp_path), 64, ["q_proj", "v_proj"]) is None
    assert size_warning("x/y", 8, ["q_proj", "lm_head"]) == (
        "warning: --lora_targets names lm_head; the course takes "
        "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"
    )
    assert size_warning("x/y", 65) == "warning: --lora_rank is 65; the course takes at most 64"


@pytest.mark.parametrize("config", [None, "{", "[]", "{}", '{"hidden_size": "x"}', json.dumps({"text_config": LARGE})])
def test_what_cannot_be_told_is_not_told(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    assert size_warning(str(tmp_path), 64) is None


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
