"""Tells before a run why its adapter would not be taken. Must not load the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import limits
from adapter.config_rules import is_taken
from adapter.files import base_name
from progress import a_few


def adapter_bytes(base_model: str, rank: int, targets: Sequence[str] = ()) -> int | None:
    """Give the bytes of an adapter in bf16; None where config.json does not tell the shapes of its layers.

    Args:
        base_model: Its folder.
        rank: Of the adapter.
        targets: The layers that it is on; empty: every linear layer.
    """
    try:
        config = json.loads((Path(base_model) / "config.json").read_text(encoding="utf-8"))
        hidden, inner, layers = (config[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
        heads = config["num_attention_heads"]
        head = config.get("head_dim") or hidden // heads
        queries, keys = heads * head, (config.get("num_key_value_heads") or heads) * head
        # Each has A (rank x in) and B (out x rank).
        ends = dict.fromkeys(("q_proj", "o_proj"), hidden + queries)
        ends |= dict.fromkeys(("k_proj", "v_proj"), hidden + keys)
        ends |= dict.fromkeys(("gate_proj", "up_proj", "down_proj"), hidden + inner)
        return int(2 * rank * sum(ends[name] for name in targets or ends) * layers)
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError, AttributeError):
        return None


def early_warning(base_model: str, rank: int, targets: Sequence[str] = ()) -> str | None:
    """Say that the course would not take an adapter of this rank on these layers of this base, or nothing."""
    if not is_taken(name := base_name(base_model)):
        taken = ", ".join(limits.BASE_MODELS)
        return f"warning: the base model is {Path(name).name}; the course takes adapters of {taken}"
    if other := [name for name in targets if name not in limits.TARGET_MODULES]:
        return f"warning: --lora_targets names {a_few(other)}; the course takes {', '.join(limits.TARGET_MODULES)}"
    if rank > limits.MAX_RANK:
        return f"warning: --lora_rank is {rank}; the course takes at most {limits.MAX_RANK}"
    size = adapter_bytes(base_model, rank, targets)
    if size is None or size <= limits.MAX_BYTES:
        return None
    fits = rank * limits.MAX_BYTES // size
    return (
        f"warning: with --lora_rank {rank} the adapter has about {size / 1e6:,.0f} MB, the course takes "
        f"{limits.MAX_BYTES / 1e6:,.0f} MB: --lora_rank {fits} would fit"
    )
