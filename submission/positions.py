"""What the positions of a model's tokens allow: how long a text may be, and whether its length changes how it is read.

Goes by configurations of transformers. Must not know about data, adapters or the command line.
"""

from __future__ import annotations

from typing import Any


def most_tokens(config: Any) -> int | None:
    """Give the tokens that a model has places for; None: rotary or no embeddings of positions, which never end.

    Args:
        config: Of the part that reads and writes text.
    """
    if _rotary(config) or getattr(config, "rope_theta", None):
        return None
    places = getattr(config, "max_position_embeddings", None)
    return int(places) if places else None


def length_bound(config: Any) -> int | None:
    """Give the length beyond which a model reads all tokens of a text otherwise; None: there is none.

    Rotary embeddings of the types "dynamic" and "longrope" go by the longest text of a pass: a neighbour that is longer
    changes the others, and so does one that shares the row.

    Args:
        config: Of the part that reads and writes text.
    """
    whole = getattr(config, "max_position_embeddings", None)
    first = getattr(config, "original_max_position_embeddings", None)
    bounds = []
    for one in _rotary(config):
        if "dynamic" in _kind(one):
            bounds.append(whole)
        elif _kind(one) in ("longrope", "su"):
            bounds.append(one.get("original_max_position_embeddings") or first or whole)
    return min((int(one) for one in bounds if one), default=None)


def passed_bound(config: Any, longest: int) -> int | None:
    """Give the length bound that a text of `longest` tokens is beyond; None: texts do not change each other."""
    bound = length_bound(config)
    return bound if bound is not None and longest > bound else None


def _rotary(config: Any) -> list[dict[str, Any]]:
    """Give the parameters of rotary embeddings; some models have them for each kind of layer."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    return [one for one in (rope, *rope.values()) if isinstance(one, dict) and one]


def _kind(rope: dict[str, Any]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "")


def forget_earlier_lengths(model: Any) -> None:
    """Have dynamic rotary embeddings begin each pass anew: they go by the longest text since the last short one.

    So it is in transformers' `dynamic_rope_update` (5.24): a text beyond the bound would be read as its predecessor.
    """
    for module in model.modules():
        if hasattr(module, "original_max_seq_len") and "dynamic" in str(getattr(module, "rope_type", "")):
            module.register_forward_pre_hook(_forget)


def _forget(module: Any, _: Any) -> None:
    for name in [name for name in vars(module) if name.endswith("max_seq_len_cached")]:
        setattr(module, name, module.original_max_seq_len)
    frequencies = dict(module.named_buffers(recurse=False))
    for name in frequencies:
        if name.endswith("original_inv_freq"):
            module.register_buffer(name.replace("original_", ""), frequencies[name], persistent=False)
