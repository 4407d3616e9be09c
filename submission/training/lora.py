"""Puts a fresh LoRA adapter on a base model: on which layers, of which rank. Must not know how it is trained."""

from __future__ import annotations

from typing import Any

import torch

from files import InputError
from progress import a_few
from settings import Settings


def add_adapter(model: Any, settings: Settings) -> Any:
    """Put LoRA on the layers of `settings.targets`, in the type that the model computes in.

    Raises:
        InputError: The model has no such layers, or PEFT does not know how.
    """
    from peft import LoraConfig, get_peft_model

    linear = linear_layers(model)
    if not linear:
        raise InputError(f"{settings.base_model} has no linear layers that LoRA could go on; take another base model")
    lora = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=settings.targets or linear,
        fan_in_fan_out=any(map(_is_transposed, model.modules())),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, lora, autocast_adapter_dtype=False)
    except ValueError as error:
        raise InputError(f"LoRA does not go on {settings.base_model}: {error}") from error


def refuse_unknown_targets(settings: Settings) -> None:
    """Refuse, before the weights are loaded, layers that the base model does not have.

    Raises:
        InputError: It says which layers there are.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    if not settings.targets:
        return
    try:
        config = AutoConfig.from_pretrained(settings.base_model)
        with torch.device("meta"):
            linear = linear_layers(AutoModelForCausalLM.from_config(config))
    except (OSError, ValueError):
        return  # what is wrong with the base is said when it is loaded
    if unknown := [name for name in settings.targets if name not in linear]:
        raise InputError(
            f"--lora_targets names {a_few(unknown)}; the linear layers of {settings.base_model} are {', '.join(linear)}"
        )


def linear_layers(model: Any) -> list[str]:
    """Name the linear layers, all but the head: `q_proj`, `up_proj`, ... (PEFT's "all-linear" may write full paths)."""
    head = model.get_output_embeddings()
    linear = (
        name
        for name, layer in model.named_modules()
        if (isinstance(layer, torch.nn.Linear) or _is_transposed(layer)) and layer is not head
    )
    return sorted({name.rsplit(".", 1)[-1] for name in linear})


def _is_transposed(layer: Any) -> bool:
    """Tell GPT-2's kind of linear layer, whose weight is (in, out)."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, Conv1D)
