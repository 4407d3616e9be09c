import pytest

pytest.importorskip("torch", reason="needs the extra [local]")

import torch
from torch import Tensor, nn

from harness.scoring.norms import FusedRMSNorm, fuse_norms

pytestmark = pytest.mark.torch


class PlainRMSNorm(nn.Module):
    """As transformers writes it for Llama, Mistral and Qwen."""

    def __init__(self, size: int, dtype: torch.dtype, *, offset: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size).to(dtype) + 0.5)
        self.variance_epsilon = 1e-6
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return (self.weight + self.offset) * wide.to(x.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_same_norm_is_replaced_and_stays_the_same(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), PlainRMSNorm(64, dtype))
    old, x = model[1], torch.randn(3, 5, 64).to(dtype)
    assert fuse_norms(model) == 1
    assert isinstance(model[1], FusedRMSNorm)
    tolerance = 2 * torch.finfo(dtype).eps
    torch.testing.assert_close(model[1](x), old(x), rtol=tolerance, atol=tolerance)


def test_norm_that_computes_something_else_stays() -> None:
    model = nn.Sequential(PlainRMSNorm(64, torch.bfloat16, offset=1.0), nn.LayerNorm(64))
    before = list(model)
    assert fuse_norms(model) == 0
    assert list(model) == before
