"""Runs a Llama-shaped model (Llama, Mistral, Qwen2, Qwen3) without its head, from token ids to hidden states.

It uses the modules that transformers loaded, with fewer passes over memory between them, and can let rows share a
prefix whose keys and values were computed once. Knows no adapter: the linear layers it calls may have one beside them.
What it is not sure to compute alike it refuses (`decoder_of`), and the engine then uses transformers' own forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

from harness.scoring.kernels import add_norm, norm_rope, silu_mul
from harness.scoring.norms import FusedRMSNorm

MODEL_TYPES: Final = ("llama", "mistral", "qwen2", "qwen3")
_ATTENTION: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm")
_MLP: Final = ("gate_proj", "up_proj", "down_proj")
_LAYER: Final = ("self_attn", "mlp", "input_layernorm", "post_attention_layernorm")
_SILU: Final = ("silu", "swish")


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of a shared prefix of P tokens, for each layer (1, kv heads, P, D)."""

    tokens: int
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


def decoder_of(model: Any) -> "Decoder | None":
    """Give the decoder of a causal language model, or None where it is not surely of the shape known here."""
    config, inner = model.config, model.base_model
    if config.model_type not in MODEL_TYPES or getattr(config, "hidden_act", None) not in _SILU:
        return None
    if set(dict(inner.named_children())) != {"embed_tokens", "layers", "norm", "rotary_emb"}:
        return None
    if set(getattr(config, "layer_types", None) or ["full_attention"]) != {"full_attention"}:
        return None
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return None
    known = all(_is_known(layer) for layer in inner.layers) and isinstance(inner.norm, FusedRMSNorm)
    return Decoder(inner) if known else None


class Decoder:
    """The model without its head."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def prefix(self, ids: Tensor) -> Prefix:
        """Compute what rows share: ids (1, P)."""
        run = _Run(None, *self._rotation(ids, 0), [], [])
        self._run(ids, run)
        return Prefix(ids.shape[1], tuple(run.keys), tuple(run.values))

    def hidden(self, ids: Tensor, prefix: Prefix | None = None) -> Tensor:
        """Give the last hidden states (B, T, H) of ids (B, T), which go on after the prefix."""
        return self._run(ids, _Run(prefix, *self._rotation(ids, prefix.tokens if prefix else 0), [], []))

    def _rotation(self, ids: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Give cos and sin (T, D) of the positions from `start` on, as the model makes them."""
        positions = torch.arange(start, start + ids.shape[1], device=ids.device)
        like = self._inner.embed_tokens.weight[:1]  # its type is what counts
        cos, sin = self._inner.rotary_emb(like[None], positions[None])
        return cos[0], sin[0]

    def _run(self, ids: Tensor, run: "_Run") -> Tensor:
        layers: Sequence[Any] = self._inner.layers
        following = [*(one.input_layernorm for one in layers[1:]), self._inner.norm]
        x = self._inner.embed_tokens(ids)  # (B, T, H)
        normed = layers[0].input_layernorm(x)
        for layer, next_norm in zip(layers, following, strict=True):
            norm, mlp = layer.post_attention_layernorm, layer.mlp
            x, normed = add_norm(x, run.attend(layer.self_attn, normed), norm.weight, norm.eps)
            grown = mlp.down_proj(silu_mul(mlp.gate_proj(normed), mlp.up_proj(normed)))
            x, normed = add_norm(x, grown, next_norm.weight, next_norm.eps)
        return normed


@dataclass(frozen=True, slots=True)
class _Run:
    """What one pass through the layers has in common; `keys` and `values` are filled layer by layer."""

    prefix: Prefix | None
    cos: Tensor
    sin: Tensor
    keys: list[Tensor]
    values: list[Tensor]

    def attend(self, part: Any, x: Tensor) -> Tensor:
        """Compute the attention of the next layer: (B, T, H) -> (B, T, H)."""
        rows, tokens = x.shape[:2]
        heads = (rows, tokens, -1, part.head_dim)
        query = self._turn(part.q_proj(x).view(heads), getattr(part, "q_norm", None))
        key = self._turn(part.k_proj(x).view(heads), getattr(part, "k_norm", None))
        mixed = self._mix(query, key, part.v_proj(x).view(heads).transpose(1, 2))
        answer: Tensor = part.o_proj(mixed.transpose(1, 2).reshape(rows, tokens, -1))
        return answer

    def _turn(self, x: Tensor, norm: Any) -> Tensor:
        """Norm, where there is one, and rotation: (B, T, heads, D) -> (B, heads, T, D)."""
        weight, eps = (None, 0.0) if norm is None else (norm.weight, norm.eps)
        return norm_rope(x, weight, eps, self.cos, self.sin).transpose(1, 2)

    def _mix(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Causal attention, over the prefix too: (B, heads, T, D)."""
        at = len(self.keys)
        self.keys.append(key)
        self.values.append(value)
        if self.prefix is None:
            return scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        rows, tokens = query.shape[0], query.shape[2]
        key = torch.cat((self.prefix.keys[at].expand(rows, -1, -1, -1), key), dim=2)
        value = torch.cat((self.prefix.values[at].expand(rows, -1, -1, -1), value), dim=2)
        mask = causal_lower_right(tokens, self.prefix.tokens + tokens)
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)


def _is_known(layer: nn.Module) -> bool:
    """Tell whether a layer has these parts and no others, norms that were fused, and the usual scale of attention."""
    children = dict(layer.named_children())
    if set(children) != set(_LAYER):
        return False
    attention, mlp = children["self_attn"], children["mlp"]
    parts, extra = dict(attention.named_children()), dict(mlp.named_children())
    norms = [one for name, one in (*children.items(), *parts.items()) if name.endswith("norm")]
    return (
        set(parts) in (set(_ATTENTION), set(_ATTENTION[:4]))
        and {name for name in extra if name != "act_fn"} == set(_MLP)
        and all(isinstance(one, FusedRMSNorm) for one in norms)
        and abs(attention.scaling * attention.head_dim**0.5 - 1) < 1e-6
    )
