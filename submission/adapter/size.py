"""Tells before a run whether its adapter would be too big to hand in. Must not load the model."""

from __future__ import annotations

import json
from pathlib import Path

from adapter import limits


def adapter_bytes(base_model: str, rank: int) -> int | None:
    """Give the bytes of an adapter in bf16 on every linear layer; None where config.json does not tell its shapes."""
    try:
        config = json.loads((Path(base_model) / "config.json").read_text(encoding="utf-8"))
        hidden, inner, layers = (config[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
        heads = config["num_attention_heads"]
        head = config.get("head_dim") or hidden // heads
        queries, keys = heads * head, (config.get("num_key_value_heads") or heads) * head
        # q and o, k and v, and the three of the MLP; each has A (rank x in) and B (out x rank).
        ends = 2 * (hidden + queries) + 2 * (hidden + keys) + 3 * (hidden + inner)
        return int(2 * rank * ends * layers)
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError, AttributeError):
        return None


def size_warning(base_model: str, rank: int) -> str | None:
    """Say that the course would not take an adapter of this rank, or nothing."""
    if rank > limits.MAX_RANK:
        return f"warning: --lora_rank is {rank}; the course takes at most {limits.MAX_RANK}"
    size = adapter_bytes(base_model, rank)
    if size is None or size <= limits.MAX_BYTES:
        return None
    fits = rank * limits.MAX_BYTES // size
    return (
        f"warning: with --lora_rank {rank} the adapter has about {size / 1e6:,.0f} MB, the course takes "
        f"{limits.MAX_BYTES / 1e6:,.0f} MB: --lora_rank {fits} would fit"
    )
