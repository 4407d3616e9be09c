"""Loads the base model, quantised as `get_bnb_config` says, and its tokenizer.

Shared by training and prediction. Must not know about adapters, data or the command line.
"""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from pathlib import Path
from typing import Any

from files import InputError
from positions import forget_earlier_lengths
from progress import say

PACKAGES = "torch transformers peft bitsandbytes accelerate"
_DECIDING = frozenset({".json", ".txt", ".model", ".jinja", ".py", ".tiktoken", ".safetensors", ".bin"})
_PROBE_BYTES = 1 << 20


def prepare_libraries(base: str) -> None:
    """Quieten the libraries and keep them off the network when the base is a folder; call before importing them.

    Raises:
        InputError: The base looks like a path, but no such folder exists, or there is no model in it.
    """
    if Path(base).is_dir():
        if not (Path(base) / "config.json").is_file():
            seen = (
                "it holds an adapter" if (Path(base) / "adapter_config.json").is_file() else "there is no config.json"
            )
            raise InputError(f"no base model in {base}: {seen}; give the folder that holds the base's config.json")
        os.environ["HF_HUB_OFFLINE"] = "1"
    elif base.startswith((".", "/", "~")) or base.count("/") > 1 or ("/" in base and Path(base).parent.is_dir()):
        raise InputError(f"no base model at {base}: no such folder; give a folder or a hub name like Qwen/Qwen3-4B")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    # PEFT asks for this old name; transformers then warns the student, who never wrote it.
    warnings.filterwarnings("ignore", message=r"`(is_)?gradient_checkpointing` is deprecated", category=FutureWarning)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def explain_missing(error: ImportError) -> str:
    """Say which package is missing and how to get it."""
    said = " ".join(str(error).split())
    seen = f"the Python package {error.name} cannot be imported ({said})" if error.name else said
    return f"{seen}; install: pip install {PACKAGES}"


def refuse_without_gpu(*, keep_4bit: bool | None) -> None:
    """Refuse, before anything is loaded, what only a GPU can do.

    Raises:
        InputError: `keep_4bit` was asked for, and there is no GPU.
    """
    import torch

    if keep_4bit and not torch.cuda.is_available():
        # bitsandbytes repacks CPU weights in the first evaluation; from then on training gets no gradient through them.
        raise InputError("--keep_4bit needs a CUDA GPU, and none was found; leave the option out")


def load_tokenizer(base: str) -> Any:
    """Load the tokenizer, whose padding token is set.

    Raises:
        InputError: There is none, or none that can end an answer.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise InputError(_why_not_loaded(base, error)) from error
    if not tokenizer("題 a", add_special_tokens=False)["input_ids"]:  # what transformers makes of no files at all
        raise InputError(f"the tokenizer of {base} makes nothing of a text; is its tokenizer.json there?")
    if tokenizer.eos_token_id is None:
        raise InputError(f"the tokenizer of {base} has no eos token, so that no answer could end; take the base's own")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(base: str, *, keep_4bit: bool | None = False) -> Any:
    """Load the model on this process's GPU, or on the CPU where there is none.

    The weights are quantised to NF4 and, unless `keep_4bit`, expanded again once: the values stay those of NF4, but no
    longer have to be expanded in every layer at every step, which is about twice as fast and takes three times the
    memory (8 GB for 4B parameters). Arithmetic is in bf16 on a GPU and in fp32, which is faster there, on a CPU.

    Args:
        base: A folder, or a name on the hub.
        keep_4bit: Leave the weights in 4 bits; None: where expanded ones would not fit into the GPU with room to work.

    Raises:
        InputError: No usable model is there, or `keep_4bit` was asked for on a CPU.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    from utils import get_bnb_config

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # `accelerate launch` and torchrun start one process for each GPU and number them so.
    device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    refuse_without_gpu(keep_4bit=keep_4bit)
    say(f"loading {base} in 4 bits on {device} ...")
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base, quantization_config=get_bnb_config(), dtype=torch.bfloat16, device_map={"": device}
        )
    except torch.cuda.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(_why_not_loaded(base, error)) from error
    forget_earlier_lengths(model)
    if keep_4bit is None:
        keep_4bit = device != "cpu" and not _expanded_fits(model, device)
        if keep_4bit:
            say("the weights stay in 4 bits: expanded, they would not leave the GPU enough memory to work")
    return model if keep_4bit else _expand(model, device)


def _why_not_loaded(base: str, error: Exception) -> str:
    said = " ".join(str(error).split())
    if Path(base).is_dir():
        return f"cannot load a base model from {base}: {said}; is a file cut off or of another model? Get it again"
    return f"cannot load a base model from {base}, which is no folder here and so was looked for on the hub: {said}"


def _expanded_fits(model: Any, device: str) -> bool:
    packed = [one for one in model.parameters() if getattr(one, "quant_state", None) is not None]
    expanded_bytes = sum(2 * one.quant_state.shape.numel() for one in packed)
    return expanded_bytes * 1.25 <= free_gpu_bytes(device)


def free_gpu_bytes(device: Any) -> int:
    """Give the memory that torch could still take, what it holds unused included."""
    import torch

    unused_bytes = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused_bytes)


def _expand(model: Any, device: str) -> Any:
    """Turn NF4 weights into plain ones of the same values."""
    import torch

    model = model.dequantize()
    model.is_loaded_in_4bit = False  # transformers leaves it set, and PEFT and TRL go by it
    return model.to(torch.bfloat16 if device.startswith("cuda") else torch.float32)


def fingerprint(base: str) -> str:
    """Give a few letters that are others for other files of a base; of a hub name they only say that it is one.

    Small files count whole; of weights names, sizes, and some of their bytes, for to read all takes long.
    """
    if not Path(base).is_dir():
        return "on the hub"
    found = hashlib.sha256()
    for path in sorted(path for path in Path(base).iterdir() if path.suffix in _DECIDING and path.is_file()):
        size_bytes = path.stat().st_size
        found.update(f"{path.name} {size_bytes}\n".encode())
        with path.open("rb") as file:
            if size_bytes <= 3 * _PROBE_BYTES:
                found.update(file.read())
                continue
            for begin in (0, size_bytes // 2, size_bytes - _PROBE_BYTES):
                file.seek(begin)
                found.update(file.read(_PROBE_BYTES))
    return found.hexdigest()[:12]


def inner_model(model: Any) -> Any:
    """Give the model of transformers, without PEFT around it; PEFT's layers stay in it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def text_config(config: Any) -> Any:
    """Give the configuration of the part that reads and writes text; in most models that is all of it."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config
