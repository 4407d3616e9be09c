"""Triton forms of `kernels`. Imported where Triton is, which comes with torch for NVIDIA GPUs; knows no model."""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 4096


def norm_rope(x: Tensor, weight: Tensor | None, eps: float, cos: Tensor, sin: Tensor) -> Tensor:
    """See `kernels.norm_rope`; one program a token, all heads."""
    batch, tokens, heads, width = x.shape
    x, out = x.contiguous(), torch.empty_like(x, memory_format=torch.contiguous_format)
    _norm_rope[(batch * tokens,)](
        x, x if weight is None else weight, cos.contiguous(), sin.contiguous(), out, tokens, heads, eps,
        block_heads=triton.next_power_of_2(heads), half=width // 2, has_norm=weight is not None,
    )  # fmt: skip
    return out


def add_norm(x: Tensor, y: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """See `kernels.add_norm`; one program a token."""
    width = x.shape[-1]
    total, normed = torch.empty_like(x), torch.empty_like(x)
    _add_norm[(x.numel() // width,)](
        x.contiguous(), y.contiguous(), weight, total, normed, width, eps, block=triton.next_power_of_2(width),
        num_warps=8,
    )  # fmt: skip
    return total, normed


def silu_mul(gate: Tensor, up: Tensor) -> Tensor:
    """See `kernels.silu_mul`."""
    out = torch.empty_like(gate)
    count = gate.numel()
    _silu_mul[(triton.cdiv(count, _BLOCK),)](gate.contiguous(), up.contiguous(), out, count, block=_BLOCK, num_warps=8)
    return out


@triton.jit
def _norm_rope(
    x, weight, cos, sin, out, tokens, heads, eps, block_heads: tl.constexpr, half: tl.constexpr, has_norm: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    head, at = tl.arange(0, block_heads)[:, None], tl.arange(0, half)[None, :]
    here = row * heads * 2 * half + head * 2 * half + at
    inside = head < heads
    first = tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(x + here + half, mask=inside, other=0.0).to(tl.float32)
    if has_norm:
        squares = tl.sum(first * first, axis=1) + tl.sum(second * second, axis=1)
        scale = tl.rsqrt(squares / (2 * half) + eps)[:, None]
        first = first * scale * tl.load(weight + at).to(tl.float32)
        second = second * scale * tl.load(weight + at + half).to(tl.float32)
    place = (row % tokens) * 2 * half + at
    cosine, sine = tl.load(cos + place).to(tl.float32), tl.load(sin + place).to(tl.float32)
    tl.store(out + here, (first * cosine - second * sine).to(out.dtype.element_ty), mask=inside)
    tl.store(out + here + half, (second * cosine + first * sine).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _add_norm(x, y, weight, total, normed, width, eps, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * width
    at = tl.arange(0, block)
    inside = at < width
    added = tl.load(x + row + at, mask=inside, other=0.0).to(tl.float32)
    added += tl.load(y + row + at, mask=inside, other=0.0).to(tl.float32)
    rounded = added.to(total.dtype.element_ty)
    tl.store(total + row + at, rounded, mask=inside)
    wide = rounded.to(tl.float32)
    scale = tl.rsqrt(tl.sum(wide * wide, axis=0) / width + eps)
    factor = tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(normed + row + at, (wide * scale * factor).to(normed.dtype.element_ty), mask=inside)


@triton.jit
def _silu_mul(gate, up, out, count, block: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = at < count
    opened = tl.load(gate + at, mask=inside, other=0.0).to(tl.float32)
    product = opened * tl.sigmoid(opened) * tl.load(up + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + at, product.to(out.dtype.element_ty), mask=inside)
