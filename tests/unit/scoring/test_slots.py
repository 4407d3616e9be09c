"""The slot beside one layer, against the formula and against peft's own layer."""

import pytest

pytest.importorskip("torch", reason="needs the extra [local]")

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn

from harness.scoring.slots import LoraLinear, UnpackedLinear

pytestmark = pytest.mark.torch

IN, OUT = 48, 40


def layer(dtype: torch.dtype = torch.float32, *, fused: bool = False) -> LoraLinear:
    torch.manual_seed(0)
    made = LoraLinear(nn.Linear(IN, OUT, bias=False, dtype=dtype), fused=fused, dtype=dtype)
    made.reserve(16, torch.device("cpu"))
    return made.requires_grad_(False)


def factors(rank: int, seed: int = 1, spread: float = 0.3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rank, IN, generator=generator), torch.randn(OUT, rank, generator=generator) * spread


def rows(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, 5, IN, generator=torch.Generator().manual_seed(9)).to(dtype)


@pytest.mark.parametrize("rank", [1, 3, 16, 40])
@pytest.mark.parametrize("fused", [False, True])
def test_formula(rank: int, *, fused: bool) -> None:
    made, (a, b), x = layer(fused=fused), factors(rank), rows()
    made.fill(a, b, 1.5)
    expected = x @ made.base.weight.t() + 1.5 * (x @ a.t() @ b.t())
    torch.testing.assert_close(made(x), expected, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_exact_order_has_the_bits_of_peft() -> None:
    made, (a, b), x = layer(), factors(16), rows()
    config = LoraConfig(r=16, lora_alpha=24, lora_dropout=0.0, target_modules=["x"])
    reference = PeftLinear(made.base, "default", config=config, r=16, lora_alpha=24)
    reference.lora_A["default"].weight.copy_(a)
    reference.lora_B["default"].weight.copy_(b)
    made.fill(a, b, 24 / 16)
    assert torch.equal(made(x), reference(x))


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_zeros_leave_every_bit(dtype: torch.dtype, *, fused: bool) -> None:
    made, x = layer(dtype, fused=fused), rows(dtype)
    alone = made(x)
    made.fill(factors(24)[0], torch.zeros(OUT, 24), 8.0)
    assert made.filled and torch.equal(made(x), alone)


@pytest.mark.parametrize("fused", [False, True])
def test_bits_do_not_depend_on_what_was_in_the_slot(*, fused: bool) -> None:
    x, small, large = rows(torch.bfloat16), factors(5, seed=2), factors(64, seed=3)
    fresh = layer(torch.bfloat16, fused=fused)
    fresh.fill(*small, 2.0)
    expected = fresh(x)
    used = layer(torch.bfloat16, fused=fused)
    for one in (large, small, large):
        used.fill(*one, 2.0)
    used.clear()
    assert not used.filled
    assert torch.equal(used(x), used.base(x))
    used.fill(*small, 2.0)
    assert torch.equal(used(x), expected)


def test_sixteen_bit_orders_agree_within_their_rounding() -> None:
    x, update = rows(torch.bfloat16), factors(16)
    exact, fused = layer(torch.bfloat16), layer(torch.bfloat16, fused=True)
    exact.fill(*update, 2.0)
    fused.fill(*update, 2.0)
    torch.testing.assert_close(exact(x), fused(x), rtol=2e-2, atol=0.15)
    assert not torch.equal(exact(x), exact.base(x))


def test_merging_would_lose_a_small_adapter() -> None:
    """Why adapters stay beside the weights: half a unit in the last place of a bf16 weight is 0.2 to 0.4 % of it."""
    weight = layer(torch.bfloat16).base.weight
    a, b = torch.ones(1, IN), weight.float().abs().mean() * torch.full((OUT, 1), 1e-3)
    changed = (weight + (b @ a).bfloat16()) != weight
    assert changed.float().mean() < 0.4
    made, x = layer(torch.bfloat16), torch.ones(1, IN, dtype=torch.bfloat16)
    made.fill(a, b, 1.0)
    assert (made(x) - made.base(x)).float().mean() == pytest.approx((b.mean() * IN).item(), rel=0.2)


def test_unpacked_layer_computes_in_the_type_of_its_weights() -> None:
    x = rows()
    made = UnpackedLinear(torch.randn(OUT, IN).bfloat16(), torch.randn(OUT))
    assert (made.in_features, made.out_features) == (IN, OUT)
    seen = made(x)
    assert seen.dtype == torch.float32
    expected = nn.functional.linear(x.bfloat16(), made.weight, made.bias).float()
    assert torch.equal(seen, expected)
