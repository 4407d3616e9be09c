"""The update of the weights by DeepSpeed's ZeRO-2, in place of `updates.py`: each process keeps a share of it.

Summed gradients, fp32 copies and the states of the optimizer are shared out; the adapter itself stays whole everywhere.
DeepSpeed sees the weights alone and never the model: passes add to gradients of their own, as without it, so that
processes may take different numbers of passes, and passes may be recorded. Once an update DeepSpeed is given what they
came to, as the gradient of one product. Must not know how gradients come about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from training.together import Together
from training.updates import Rules, make_optimizer, make_schedule, put_back


class ZeroUpdates:
    """Does what `updates.Updates` does, with the same arguments, and with the processes that share it.

    Args:
        parameters: The trained weights, the same in all processes; what passes add to their `grad` counts in each step.
        together: The processes, started by DeepSpeed.
        rules: What decides the updates.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], together: Together, rules: Rules) -> None:
        self.parameters, self._together = list(parameters), together
        handed = _Handed(self.parameters)
        if rules.optimizer == "auto":
            rules = replace(rules, optimizer="adamw")  # states are shared out: they need not have 8 bits, too
        self.optimizer = make_optimizer(rules, [handed.weights])
        self._engine = _share_out(handed, self.optimizer, max_grad_norm=rules.max_grad_norm)
        # DeepSpeed has moved the weights. Gradients stay where they are: recordings of a GPU write there.
        self._gradients = torch.zeros_like(handed.weights)
        sizes = [one.numel() for one in self.parameters]
        parts = zip(handed.weights.detach().split(sizes), self._gradients.split(sizes), strict=True)
        for one, (weights, gradients) in zip(self.parameters, parts, strict=True):
            one.data, one.grad = weights.view_as(one), gradients.view_as(one)
        self.schedule = make_schedule(rules, self.optimizer)

    def clear(self) -> None:
        """Set the gradients to zero, in place."""
        self._gradients.zero_()

    def step(self) -> tuple[float, float]:
        """Take one step, by the sum of the gradients of all processes.

        Returns:
            The norm of the gradient before it was clipped, and the rate that the step was taken with.
        """
        rate = float(self.schedule.get_last_lr()[0])
        self._engine.backward(self._engine(self._gradients))
        self._engine.step()
        norm = float(self._engine.get_global_grad_norm())
        self.schedule.step()
        return (norm if norm >= 0 else math.inf), rate  # it says -1 where there is no norm

    def state(self) -> dict[str, Any]:
        """Give what another run needs to go on from here; all processes must ask, the first one gets it."""
        copies = [one.detach().cpu() for one in self._copies]
        parts = self._together.gather({"copies": copies, "optimizer": self.optimizer.state_dict()})
        return {"parts": parts, "schedule": self.schedule.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            InputError: It is of another adapter.
        """
        mine = state["parts"][self._together.index]
        put_back(mine["copies"], self._copies)
        self._engine.optimizer.update_lp_params()  # gathers the weights from the copies
        self.optimizer.load_state_dict(mine["optimizer"])
        self.schedule.load_state_dict(state["schedule"])

    @property
    def _copies(self) -> list[Tensor]:
        """Give this process's share of the fp32 copies: DeepSpeed has put it in the place of the weights."""
        return [one for group in self.optimizer.param_groups for one in group["params"]]


class _Handed(nn.Module):
    """The weights as DeepSpeed sees them: all in one piece, since it spends time on every parameter it is given."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.cat([one.detach().flatten() for one in parameters]))

    def forward(self, gradients: Tensor) -> Tensor:
        """Give a number whose gradient is what is given."""
        return (self.weights * gradients).sum()


def _share_out(weights: _Handed, optimizer: torch.optim.Optimizer, *, max_grad_norm: float) -> Any:
    """Have DeepSpeed share out what the update of these weights needs.

    Args:
        weights: What is trained.
        optimizer: Of these; from here on it has this process's share of the fp32 copies in their place.
        max_grad_norm: Gradients are clipped to this norm.

    Returns:
        DeepSpeed's engine, to call in place of `weights`.
    """
    import deepspeed

    if not torch.cuda.is_available():
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # it would be compiled first; gloo is there
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": max_grad_norm,
        "bf16": {"enabled": weights.weights.dtype == torch.bfloat16},
        "data_types": {"grad_accum_dtype": "fp32"},
        "communication_data_type": "fp32",
        "gradient_allreduce_op": "sum",
        "zero_optimization": {"stage": 2, "reduce_bucket_size": weights.weights.numel()},
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 10**9,
    }
    engine, *_ = deepspeed.initialize(model=weights, optimizer=optimizer, config=config)
    return engine
