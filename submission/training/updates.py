"""The update of the weights: AdamW over fp32 copies, clipping, the cosine. Must not know how gradients come about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from files import InputError
from training.together import Together


class Updates:
    """Keeps fp32 copies of the trained weights: in bf16 the small steps at the end of the cosine would vanish.

    Args:
        parameters: The trained weights, whose `grad` is filled before each step.
        together: The processes whose gradients are summed up; none: this one is alone.
        optimizer: One of `settings.OPTIMIZERS`.
        learning_rate: Peak of the schedule.
        weight_decay: Of AdamW.
        max_grad_norm: Gradients are clipped to this norm.
        warmup_steps: Steps in which the rate rises.
        steps: All steps; after the last one the rate is 0.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        together: Together | None = None,
        *,
        optimizer: str,
        learning_rate: float,
        weight_decay: float,
        max_grad_norm: float,
        warmup_steps: int,
        steps: int,
    ) -> None:
        from transformers import get_cosine_schedule_with_warmup

        self.parameters = list(parameters)
        self._max_grad_norm, self._together = max_grad_norm, together
        for one in self.parameters:
            one.grad = torch.zeros_like(one)  # stays where it is: recordings of a GPU write there
        self._copies = [one if one.dtype == torch.float32 else _fp32(one) for one in self.parameters]
        self._apart = [pair for pair in zip(self._copies, self.parameters, strict=True) if pair[0] is not pair[1]]
        self.optimizer = make_optimizer(optimizer, self._copies, learning_rate=learning_rate, weight_decay=weight_decay)
        self.schedule = get_cosine_schedule_with_warmup(self.optimizer, warmup_steps, steps)

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
        if self._together is not None:
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
            InputError: It is of another adapter, or shared out.
        """
        if "parts" in state:
            raise InputError("the checkpoint is shared out by DeepSpeed; launch it as it was begun")
        if [one.shape for one in state["copies"]] != [one.shape for one in self._copies]:
            raise InputError("the checkpoint is of another adapter; train it with the settings that it was begun with")
        with torch.no_grad():
            for copy, kept in zip(self._copies, state["copies"], strict=True):
                copy.copy_(kept)
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


def refuse_optimizer(name: str, *, on_gpu: bool) -> None:
    """Refuse an optimizer that this machine cannot run.

    Raises:
        InputError: It says which one to take.
    """
    if name == "paged_adamw_8bit" and not on_gpu:
        raise InputError("--optimizer paged_adamw_8bit needs a CUDA GPU, and none was found; use adamw")


def make_optimizer(
    name: str, parameters: Sequence[Tensor], *, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Make AdamW: torch's own, or the paged 8-bit one of bitsandbytes, which is the choice on a GPU."""
    on_gpu = parameters[0].is_cuda
    if name == "auto":
        name = "paged_adamw_8bit" if on_gpu else "adamw"
    if name == "paged_adamw_8bit":
        import bitsandbytes

        paged: torch.optim.Optimizer = bitsandbytes.optim.PagedAdamW8bit(
            parameters, lr=learning_rate, weight_decay=weight_decay
        )
        return paged
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, fused=on_gpu)
