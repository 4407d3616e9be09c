"""The small operations between matrix products, each in one pass over memory on a GPU. Knows tensors, no model.

Written out in torch they take a quarter of the time of a forward pass and most of its kernel launches. The Triton form
computes in fp32 and rounds once; sizes alone choose its grid, nothing is tuned at run time, so bits do not vary. On the
CPU the same functions are written in torch.
"""

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, silu

try:
    import triton

    from harness.scoring import triton_kernels

    FORM = f"triton {triton.__version__}"
except ImportError:  # no GPU build of torch
    triton, FORM = None, "torch"


def norm_rope(x: Tensor, weight: Tensor | None, eps: float, cos: Tensor, sin: Tensor) -> Tensor:
    """Normalise each head, where it has a norm, and turn it by its position.

    Rotary embedding: Su et al., 2021, "RoFormer", section 3.4.2, in the layout of two halves.

    Args:
        x: (B, T, heads, D).
        weight: (D,) of the RMS norm, or None.
        eps: Of the norm.
        cos: (T, D), both halves the same.
        sin: (T, D).
    """
    if x.is_cuda and triton is not None:
        return triton_kernels.norm_rope(x, weight, eps, cos, sin)
    if weight is not None:
        x = rms_norm(x, weight.shape, weight, eps)
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return x * cos[:, None] + turned * sin[:, None]


def add_norm(x: Tensor, y: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Give x + y and its RMS norm; all (B, T, H)."""
    if x.is_cuda and triton is not None:
        return triton_kernels.add_norm(x, y, weight, eps)
    total = x + y
    return total, rms_norm(total, weight.shape, weight, eps)


def silu_mul(gate: Tensor, up: Tensor) -> Tensor:
    """Give silu(gate) * up: Shazeer, 2020, "GLU Variants Improve Transformer"."""
    if gate.is_cuda and triton is not None:
        return triton_kernels.silu_mul(gate, up)
    return silu(gate) * up
