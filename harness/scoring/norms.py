"""Replaces RMS norms written out in many small operations by torch's one kernel, where that gives the same values.

    y = x / sqrt(mean(x^2) + eps) * w            (Zhang and Sennrich, 2019, "Root Mean Square Layer Normalization")

Transformers' module goes over memory eight times and rounds twice; the kernel goes once and rounds once. A norm that
computes something else (an offset on w, say) is told by a trial on random numbers and stays as it is.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

_TRIAL_ROWS = 4


class FusedRMSNorm(nn.Module):  # type: ignore[misc]
    """RMS norm over the last dimension in one kernel."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(..., H) -> (..., H)."""
        return rms_norm(x, self.weight.shape, self.weight, self.eps)


def fuse_norms(model: Any) -> int:
    """Replace the norms of a model that can be replaced; gives how many."""
    found = [(name, one) for name, one in model.named_modules() if type(one).__name__.endswith("RMSNorm")]
    fused = [(name, module, _fused(module)) for name, module in found]
    same = [(name, new) for name, old, new in fused if new is not None and _agree(old, new)]
    for name, new in same:
        model.set_submodule(name, new)
    return len(same)


def _fused(module: nn.Module) -> FusedRMSNorm | None:
    weight, eps = getattr(module, "weight", None), getattr(module, "variance_epsilon", None)
    if not isinstance(weight, Tensor) or not isinstance(eps, float):
        return None
    return FusedRMSNorm(weight.data, eps)


def _agree(old: nn.Module, new: FusedRMSNorm) -> bool:
    """Compare on random rows, to within two roundings of the type."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(_TRIAL_ROWS, new.weight.numel(), generator=generator).to(new.weight)
    tolerance = 2 * torch.finfo(x.dtype).eps
    with torch.inference_mode():
        return bool(torch.allclose(old(x).float(), new(x).float(), rtol=tolerance, atol=tolerance))
