"""The update of the weights: fp32 copies, clipping, the cosine, a state that another run goes on from."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from files import InputError

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from training.updates import Rules, Updates, make_optimizer, refuse_optimizer, refuse_other_launch  # noqa: E402

ALONE = SimpleNamespace(sum_up=lambda _: None)
RULES = Rules(optimizer="auto", learning_rate=1e-2, weight_decay=0.1, max_grad_norm=1.0, warmup_steps=0, steps=10)


def make(dtype: Any = None, *, together: Any = ALONE, **changes: Any) -> Updates:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape).to(dtype or torch.float32)) for shape in ((3, 4), (5,))]
    return Updates(parameters, together, replace(RULES, **changes))


def fill(updates: Updates, scale: float = 1.0) -> None:
    updates.clear()
    for number, one in enumerate(updates.parameters):
        one.grad += scale * torch.arange(one.numel()).reshape(one.shape) / (number + 1)


def test_is_adamw_with_clipping_and_cosine() -> None:
    updates = make()
    copies = [torch.nn.Parameter(one.detach().clone()) for one in updates.parameters]
    plain = torch.optim.AdamW(copies, lr=1e-2, weight_decay=0.1)
    for step in range(10):
        fill(updates, scale=step - 3.5)
        for copy, one in zip(copies, updates.parameters, strict=True):
            copy.grad = one.grad.clone()
        expected = torch.nn.utils.clip_grad_norm_(copies, 1.0)
        rate = 1e-2 * (1 + torch.cos(torch.tensor(torch.pi * step / 10, dtype=torch.float64)).item()) / 2
        plain.param_groups[0]["lr"] = rate
        plain.step()
        norm, taken = updates.step()
        assert (norm, taken) == (pytest.approx(float(expected)), pytest.approx(rate))
    for copy, one in zip(copies, updates.parameters, strict=True):
        torch.testing.assert_close(copy, one)


def test_bf16_weights_move_by_steps_that_bf16_cannot_hold() -> None:
    updates = make(torch.bfloat16, learning_rate=1e-4, weight_decay=0.0, steps=10_000)
    before = [one.detach().clone() for one in updates.parameters]
    fill(updates)
    updates.step()
    moved = [bool((one != other).any()) for one, other in zip(updates.parameters, before, strict=True)]
    assert not all(moved)  # one step is less than bf16 tells apart for most of them
    for _ in range(200):
        fill(updates)
        updates.step()
    differences = [
        (one.float() - other.float()).abs().max().item() for one, other in zip(updates.parameters, before, strict=True)
    ]
    assert differences == [pytest.approx(0.02, rel=0.3)] * 2


def test_gradients_stay_where_they_are() -> None:
    updates = make(torch.bfloat16)
    places = [one.grad.data_ptr() for one in updates.parameters]
    for _ in range(2):
        fill(updates)
        updates.step()
    assert [one.grad.data_ptr() for one in updates.parameters] == places


def test_a_gradient_that_is_no_number_changes_nothing() -> None:
    updates = make()
    before = [one.detach().clone() for one in updates.parameters]
    fill(updates, scale=float("nan"))
    norm, _ = updates.step()
    assert norm != norm
    for one, other in zip(updates.parameters, before, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_of_other_processes_are_added_before_clipping() -> None:
    def double(gradients: Any) -> None:
        assert {gradient.dtype for gradient in gradients} == {torch.float32}
        for gradient in gradients:
            gradient *= 2

    one, two = make(torch.bfloat16), make(torch.bfloat16, together=SimpleNamespace(sum_up=double))
    fill(one, scale=2.0)
    fill(two, scale=1.0)
    assert one.step() == two.step()
    for first, second in zip(one.parameters, two.parameters, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_another_run_goes_on_as_if_nothing_had_been(dtype: str, tmp_path: Any) -> None:
    whole, begun = make(getattr(torch, dtype)), make(getattr(torch, dtype))
    for step in range(3):
        for one in (whole, begun):
            fill(one, scale=step - 1.5)
            one.step()
    torch.save(begun.state(), tmp_path / "state")
    later = make(getattr(torch, dtype), learning_rate=5.0)
    later.load(torch.load(tmp_path / "state", weights_only=True))
    for step in range(3):
        fill(whole, scale=step)
        fill(later, scale=step)
        assert whole.step() == later.step()
    for one, other in zip(whole.parameters, later.parameters, strict=True):
        assert torch.equal(one, other)


def test_state_of_another_adapter_is_refused() -> None:
    state = make().state()
    state["copies"] = state["copies"][:1]
    with pytest.raises(InputError, match="the checkpoint is of another adapter"):
        make().load(state)


def test_optimizers_by_machine() -> None:
    assert type(make_optimizer(RULES, [torch.zeros(1)])) is torch.optim.AdamW
    refuse_optimizer("paged_adamw_8bit", on_gpu=True)
    refuse_optimizer("auto", on_gpu=False)
    with pytest.raises(
        InputError, match="--optimizer paged_adamw_8bit needs a CUDA GPU, and none was found; use adamw"
    ):
        refuse_optimizer("paged_adamw_8bit", on_gpu=False)


@pytest.mark.parametrize(
    ("kept", "together", "words"),
    [
        (
            {"parts": [{}, {}]},
            SimpleNamespace(zero=False, count=1),
            "2 processes of DeepSpeed, and this is a run by one",
        ),
        ({"copies": []}, SimpleNamespace(zero=True, count=2), "one process, DDP or FSDP, and this is a run by 2 "),
        ({"parts": [{}, {}]}, SimpleNamespace(zero=True, count=3), "2 processes of DeepSpeed, and this is a run by 3"),
    ],
)
def test_a_run_goes_on_as_it_was_launched(kept: Any, together: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"--resume: the last checkpoint was made by {words}"):
        refuse_other_launch(kept, together)
    refuse_other_launch({"parts": [{}, {}]}, SimpleNamespace(zero=True, count=2))
    refuse_other_launch({"copies": []}, SimpleNamespace(zero=False, count=2))
