"""The update of the weights: AdamW over fp32 copies, clipping, the cosine. Must not know how gradients come about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from files import InputError
from training.together import Together


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides the updates.

    Attributes:
        optimizer: One of `settings.OPTIMIZERS`.
        learning_rate: Peak of the schedule.
        weight_decay: Of AdamW.
        max_grad_norm: Gradients are clipped to this norm.
        warmup_steps: Steps in which the rate rises.
        steps: All steps; after the last one the rate is 0.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    max_grad_norm: float
    warmup_steps: int
    steps: int


class Updates:
    """Keeps fp32 copies of the trained weights: in bf16 the small steps at the end of the cosine would vanish.

    Args:
        parameters: The trained weights, whose `grad` is filled before each step.
        together: The processes whose gradients are summed up.
        rules: What decides the updates.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], together: Together, rules: Rules) -> None:
        self.parameters = list(parameters)
        self._together, self._max_grad_norm = together, rules.max_grad_norm
        for one in self.parameters:
            one.grad = torch.zeros_like(one)  # stays where it is: recordings of a GPU write there
        self._copies = [one if one.dtype == torch.float32 else _fp32(one) for one in self.parameters]
        self._apart = [pair for pair in zip(self._copies, self.parameters, strict=True) if pair[0] is not pair[1]]
        self.optimizer = make_optimizer(rules, self._copies)
        self.schedule = make_schedule(rules, self.optimizer)

    def clear(self) -> None:
        """Set the gradients to zero, in place."""
        torch._foreach_zero_([one.grad for one in self.parameters])

    def step(self) -> tuple[float, float]:
        """Take one step.

        Returns:
            The norm of the gradient before it was clipped, and the rate that the step was taken with. If the norm is
            not finite, the weights stay what they are.
        """
        if self._apart:
            torch._foreach_copy_([copy.grad for copy, _ in self._apart], [one.grad for _, one in self._apart])
        self._together.sum_up([one.grad for one in self._copies])
        norm = float(nn.utils.clip_grad_norm_(self._copies, self._max_grad_norm))
        rate = float(self.schedule.get_last_lr()[0])
        if math.isfinite(norm):
            self.optimizer.step()
            self.schedule.step()
            self._hand_back()
        return norm, rate

    def state(self) -> dict[str, Any]:
        """Give what another run needs to go on from here."""
        return {
            "copies": [one.detach().cpu() for one in self._copies],
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            InputError: It is of another adapter.
        """
        put_back(state["copies"], self._copies)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self._hand_back()

    @torch.no_grad()
    def _hand_back(self) -> None:
        if self._apart:
            torch._foreach_copy_([one for _, one in self._apart], [copy for copy, _ in self._apart])


def _fp32(parameter: nn.Parameter) -> nn.Parameter:
    copy = nn.Parameter(parameter.detach().float().clone())
    copy.grad = torch.zeros_like(copy)
    return copy


@torch.no_grad()
def put_back(kept: Sequence[Tensor], copies: Sequence[Tensor]) -> None:
    """Make fp32 copies what a checkpoint kept of them.

    Raises:
        InputError: They are of another adapter.
    """
    if [one.shape for one in kept] != [one.shape for one in copies]:
        raise InputError("the checkpoint is of another adapter; train it with the settings that it was begun with")
    for copy, value in zip(copies, kept, strict=True):
        copy.copy_(value)


def refuse_other_launch(kept: Mapping[str, Any], together: Together) -> None:
    """Refuse to go on with updates that are shared out otherwise.

    Args:
        kept: What `state` gave.
        together: The processes that are to go on.

    Raises:
        InputError: It says how the run was begun, and how this one is.
    """
    before, now = len(kept.get("parts", ())), together.count if together.zero else 0
    if before != now:
        raise InputError(
            f"--resume: the last checkpoint was made by {_launch(before)}, and this is a run by {_launch(now)}; launch "
            "it as it was begun, or begin anew with --overwrite"
        )


def _launch(shares: int) -> str:
    return f"{shares} processes of DeepSpeed" if shares else "one process, DDP or FSDP"


def refuse_optimizer(name: str, *, on_gpu: bool) -> None:
    """Refuse an optimizer that this machine cannot run.

    Raises:
        InputError: It says which one to take.
    """
    if name == "paged_adamw_8bit" and not on_gpu:
        raise InputError("--optimizer paged_adamw_8bit needs a CUDA GPU, and none was found; use adamw")


def make_optimizer(rules: Rules, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """Make AdamW: torch's own, or the paged 8-bit one of bitsandbytes, which is the choice on a GPU."""
    on_gpu = parameters[0].is_cuda
    how = {"lr": rules.learning_rate, "weight_decay": rules.weight_decay}
    if rules.optimizer == "paged_adamw_8bit" or (rules.optimizer == "auto" and on_gpu):
        import bitsandbytes

        paged: torch.optim.Optimizer = bitsandbytes.optim.PagedAdamW8bit(parameters, **how)
        return paged
    return torch.optim.AdamW(parameters, fused=on_gpu, **how)


def make_schedule(rules: Rules, optimizer: torch.optim.Optimizer) -> Any:
    """Make the cosine with warm-up that the rate follows."""
    from transformers import get_cosine_schedule_with_warmup

    return get_cosine_schedule_with_warmup(optimizer, rules.warmup_steps, rules.steps)
