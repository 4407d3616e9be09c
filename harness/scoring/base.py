"""Loads a base model, holds its weights as `placement` decides, and puts an adapter slot beside each linear layer.

Knows no adapter file, no example and no student. No network, no remote code, safetensors only.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging

from harness.model.assignment import Quantization
from harness.scoring.adapter import LayerShape, first_line
from harness.scoring.norms import fuse_norms
from harness.scoring.placement import Weights, choose_weights, resident_bytes
from harness.scoring.refusal import BaseModelError
from harness.scoring.slots import LoraLinear, UnpackedLinear
from harness.scoring.weights import read_size

Device = Literal["cpu", "cuda"]
Dtype = Literal["float32", "bfloat16", "float16"]

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
)
RESERVED_RANK = 16
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True)
class Base:
    """A base model that is loaded: tokenizer, model, and the layers with a slot by the names that adapters use."""

    tokenizer: Any
    model: Any
    slots: Mapping[str, LoraLinear]
    shapes: Mapping[str, LayerShape]
    weights: Weights
    device: torch.device


def load_base(folder: str, *, quantization: Quantization, device: Device, dtype: Dtype) -> Base:
    """Load a base model and its tokenizer from a local folder.

    Args:
        folder: Has config, weights and tokenizer.
        quantization: How the linear layers are quantised; the score is that of these weights.
        device: Where to compute; cuda is the first visible GPU.
        dtype: Type of all weights that are not quantised.

    Raises:
        BaseModelError: The folder, the model in it, or the device cannot be used.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    path = Path(folder)
    weights, _ = plan_weights(path, quantization=quantization, device=device, dtype=dtype)
    where = _device(device)
    tokenizer, model = load_model(path, quantization, where, DTYPES[dtype])
    if tokenizer.eos_token_id is None:
        raise BaseModelError("the tokenizer has no eos token, which ends every sequence")
    if weights == "dequantised":
        unpack(model, DTYPES[quantization.bnb_4bit_compute_dtype])
    slots = add_slots(model, fused=device == "cuda" and dtype != "float32", dtype=DTYPES[dtype], device=where)
    fuse_norms(model)
    head = model.get_output_embeddings()
    shapes = {
        name: LayerShape(in_features=one.in_features, out_features=one.out_features, is_head=one is head)
        for name, one in slots.items()
    }
    return Base(tokenizer, model, slots, shapes, weights, where)


def plan_weights(folder: Path, *, quantization: Quantization, device: Device, dtype: Dtype) -> tuple[Weights, int]:
    """Decide how a base model is held, and estimate the bytes that it takes then, before it is loaded.

    Raises:
        BaseModelError: It is no folder, a header cannot be read, or there is no such device.
    """
    size, width = read_size(folder), DTYPES[dtype].itemsize
    full_bytes, linear_bytes = size.parameters * width, size.linear_parameters * width
    weights = choose_weights(
        quantised=quantization.load_in_4bit, full_bytes=full_bytes, total_bytes=total_memory_bytes(device)
    )
    return weights, resident_bytes(weights, full_bytes=full_bytes, linear_bytes=linear_bytes)


def total_memory_bytes(device: Device) -> int:
    """Give the memory of the device, used or not; on the CPU the container's limit where that is less.

    Raises:
        BaseModelError: No GPU answers.
    """
    if _device(device).type == "cuda":
        return int(torch.cuda.get_device_properties(0).total_memory)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (Path(path) for path in _CGROUP_LIMITS)
    texts = [path.read_text().strip() for path in limits if path.is_file()]
    return min([total, *(int(text) for text in texts if text.isdecimal())])


def _device(device: Device) -> torch.device:
    if device == "cuda" and not torch.cuda.is_available():
        raise BaseModelError("no CUDA GPU answers")
    return torch.device("cuda", 0) if device == "cuda" else torch.device("cpu")


def load_model(folder: Path, quantization: Quantization, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    """Load tokenizer and model as transformers does; bitsandbytes quantises on the way.

    Raises:
        BaseModelError: The folder or the model in it cannot be used.
    """
    offline = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **offline)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            **offline,
            use_safetensors=True,
            dtype=dtype,
            device_map={"": device},
            quantization_config=_bitsandbytes(quantization),
        )
    except torch.OutOfMemoryError as error:
        raise BaseModelError("the GPU has too little free memory for the base model") from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(f"the base model cannot be loaded: {first_line(error)}") from error
    return tokenizer, model.eval().requires_grad_(False)


def _bitsandbytes(quantization: Quantization) -> BitsAndBytesConfig | None:
    if not quantization.load_in_4bit:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantization.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=quantization.bnb_4bit_use_double_quant,
        bnb_4bit_compute_dtype=DTYPES[quantization.bnb_4bit_compute_dtype],
    )


def unpack(model: Any, compute_dtype: torch.dtype) -> None:
    """Replace each 4-bit layer by one with the same weights, unpacked; one at a time, so that memory grows slowly."""
    for name, module in list(model.named_modules()):
        if isinstance(module, Linear4bit):
            weight = dequantize_4bit(module.weight.data, module.weight.quant_state).to(compute_dtype)
            model.set_submodule(name, UnpackedLinear(weight, module.bias))


def add_slots(model: Any, *, fused: bool, dtype: torch.dtype, device: torch.device) -> dict[str, LoraLinear]:
    """Put a slot beside each linear layer of a model, 4-bit or not; gives them by the layers' names."""
    slots: dict[str, LoraLinear] = {}
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            slots[name] = LoraLinear(module, fused=fused, dtype=dtype)
            slots[name].reserve(RESERVED_RANK, device)
            model.set_submodule(name, slots[name])
    return slots
