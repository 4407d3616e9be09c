"""Linear layers with a place for one LoRA adapter beside them. Knows tensors alone: no file, no config, no name.

    y = W x + s B (A x)          (Hu et al., 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1)

An adapter is copied into memory that is there already. It stays beside the frozen weights: merged into bf16 weights,
whatever of ``s B A`` is below half a unit in the last place of W would be lost (docs/adr/0009-scoring-engine.md).

Two orders of arithmetic. `exact` is peft's over a 4-bit layer: x, A and B in fp32, then one rounding to the type of y,
then the addition. `fused` is for 16-bit types on a GPU: A x in that type, and ``y + s B (A x)`` in one matrix product
that accumulates in fp32 and rounds once. In both an adapter of zeros adds exact zeros: y keeps its bits.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

RANK_ALIGNMENT = 8  # 16 bytes in a 16-bit type: what tensor cores ask of a row


class UnpackedLinear(nn.Linear):  # type: ignore[misc]
    """A 4-bit layer with its weights unpacked once: ``y = W x + b`` in W's type, as bitsandbytes does at each call."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(weight.shape[1], weight.shape[0], bias=False, device="meta")
        self.weight = nn.Parameter(weight, requires_grad=False)  # (out, in)
        self.bias = None if bias is None else nn.Parameter(bias.to(weight.dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out), in the type of x."""
        return linear(x.to(self.weight.dtype), self.weight, self.bias).to(x.dtype)


class LoraLinear(nn.Module):  # type: ignore[misc]
    """A frozen linear layer, and beside it the slot for an adapter's A (rank, in), B (out, rank) and scale."""

    def __init__(self, base: nn.Linear, *, fused: bool, dtype: torch.dtype) -> None:
        """Put a slot beside a layer; it is empty.

        Args:
            base: The layer, (..., in) -> (..., out).
            fused: Order of arithmetic, see above.
            dtype: Type that the fused order computes in; the exact one computes in fp32.
        """
        super().__init__()
        self.base = base
        self.in_features, self.out_features = base.in_features, base.out_features
        self._fused = fused
        self._dtype = dtype if fused else torch.float32
        self._memory_a, self._memory_b = torch.empty(0), torch.empty(0)
        self._a: Tensor | None = None
        self._b: Tensor | None = None
        self._scale = 1.0

    @property
    def filled(self) -> bool:
        """Whether an adapter is in the slot."""
        return self._a is not None

    def reserve(self, rank: int, device: torch.device) -> None:
        """Take memory for adapters of up to this rank; the slot is empty afterwards."""
        self.clear()
        rank = self._aligned(rank)
        if self._memory_a.numel() < rank * self.in_features or self._memory_a.device != device:
            self._memory_a = torch.empty(rank * self.in_features, dtype=self._dtype, device=device)
            self._memory_b = torch.empty(self.out_features * rank, dtype=self._dtype, device=device)

    def fill(self, a: Tensor, b: Tensor, scale: float) -> None:
        """Copy an adapter in. Shapes, and with them the kernels, depend on this adapter alone, not on one before.

        Args:
            a: (rank, in), on any device, of any type.
            b: (out, rank).
            scale: s.
        """
        rank = a.shape[0]
        self.reserve(rank, self._memory_a.device)
        aligned = self._aligned(rank)
        self._a = self._memory_a[: aligned * self.in_features].view(aligned, self.in_features)
        self._b = self._memory_b[: self.out_features * aligned].view(self.out_features, aligned)
        if aligned != rank:
            a, b = pad(a, (0, 0, 0, aligned - rank)), pad(b, (0, aligned - rank))
        self._a.copy_(a)
        self._b.copy_(b)
        self._scale = scale

    def clear(self) -> None:
        """Empty the slot; the layer is the base's again."""
        self._a = self._b = None

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        y: Tensor = self.base(x)
        if self._a is None or self._b is None:
            return y
        if self._fused:
            rows = linear(x, self._a).flatten(0, -2)  # (N, rank)
            return y.view(-1, self.out_features).addmm_(rows, self._b.t(), alpha=self._scale).view(y.shape)
        beside = linear(linear(x.to(self._dtype), self._a), self._b) * self._scale
        return y + beside.to(y.dtype)

    def _aligned(self, rank: int) -> int:
        return -(-rank // RANK_ALIGNMENT) * RANK_ALIGNMENT if self._fused else rank
