"""An adapter means what it means to peft, and one that does not fit is refused in words that name why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra [local]")

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harness.scoring.engine import Engine
from harness.scoring.protocol import PromptedExample
from harness.scoring.refusal import AdapterError

from .slow_scores import ALL_LINEAR, MakeBase, assert_close, edited, make_engine, slow_score

# peft 0.21 asks transformers 5.23 for a deprecated property; the engine itself does not go through PeftModel.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")]


def without_one(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in tensors.items() if "layers.1.self_attn.v_proj.lora_B" not in name}


def with_another(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return tensors | {"base_model.model.model.layers.7.mlp.up_proj.lora_A.weight": torch.zeros(4, 64)}


def with_base_weight(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return tensors | {"base_model.model.model.norm.weight": torch.zeros(64)}


def with_wrong_shape(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor[:, :-1].contiguous() for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_one, r"1 tensors that the config asks for are missing, .*layers\.1\.self_attn\.v_proj\.lora_B"),
        (with_another, r"1 tensors have no place in the model, such as .*layers\.7\.mlp\.up_proj\.lora_A"),
        (with_base_weight, r"1 tensors have no place in the model, such as model\.norm\.weight"),
        (with_wrong_shape, r"lora_A\.weight has the shape \[4, 63\], config and base model ask for \[4, 64\]"),
    ],
)
def test_tensors_must_fit_exactly(
    engine: Engine,
    adapter: Path,
    examples: tuple[PromptedExample, ...],
    tmp_path: Path,
    change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
    message: str,
) -> None:
    folder = edited(adapter, tmp_path / "changed")
    save_file(change(load_file(adapter / "adapter_model.safetensors")), folder / "adapter_model.safetensors")
    before = engine.score(examples, None)
    with pytest.raises(AdapterError, match=message):
        engine.score(examples, folder)
    assert engine.score(examples, None) == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"peft_type": "IA3"}, "does not describe a LoRA adapter"),
        ({"r": 8}, r"has the shape \[4, 64\], config and base model ask for \[8, 64\]"),
        ({"r": "many"}, "the adapter does not fit the base model"),
        ({"target_modules": ["no_such_layer"]}, "the adapter does not fit the base model: .*no_such_layer"),
        ({"target_modules": "("}, "the adapter does not fit the base model: missing \\)"),
        ({"target_modules": ["q_proj"]}, r"\d+ tensors have no place in the model"),
    ],
)
def test_config_must_fit(
    engine: Engine,
    adapter: Path,
    examples: tuple[PromptedExample, ...],
    tmp_path: Path,
    fields: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(AdapterError, match=message):
        engine.score(examples, edited(adapter, tmp_path / "changed", **fields))


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("content", [None, b"{", b"\xff" * 64], ids=["missing", "torn", "foreign"])
def test_damaged_file_is_refused_without_its_path(
    engine: Engine, adapter: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = edited(adapter, tmp_path / "damaged")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(AdapterError, match=name) as caught:
        engine.score([], folder)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"r": 2, "rank_pattern": {"self_attn.q_proj": 4, "layers.1.mlp.up_proj": 8}, "alpha_pattern": {"v_proj": 1.5}},
        {
            "use_rslora": True,
            "rank_pattern": {"down_proj": 16},
            "target_modules": ["down_proj", "layers.0.mlp.up_proj"],
        },
        {"target_modules": "all-linear"},
        {"target_modules": r".*\.(q|v)_proj"},
        {"layers_to_transform": [1]},
        {"exclude_modules": ["o_proj"]},
    ],
)
def test_settings_mean_what_they_mean_to_peft(
    engine: Engine, make_base: MakeBase, examples: tuple[PromptedExample, ...], tmp_path: Path, fields: dict[str, Any]
) -> None:
    torch.manual_seed(3)
    config = LoraConfig(**({"r": 4, "lora_alpha": 6, "target_modules": list(ALL_LINEAR)} | fields))
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(make_base()), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.3)
    model.save_pretrained(tmp_path)
    assert_close(engine.score(examples, tmp_path), slow_score(make_base(), examples, tmp_path))


def test_lora_on_the_head_counts_too(
    make_base: MakeBase, examples: tuple[PromptedExample, ...], tmp_path: Path
) -> None:
    base = make_base(tied=False)
    torch.manual_seed(3)
    config = LoraConfig(r=4, target_modules=["lm_head"], init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.save_pretrained(tmp_path, save_embedding_layers=False)
    assert_close(make_engine(base).score(examples, tmp_path), slow_score(base, examples, tmp_path))
