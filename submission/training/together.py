"""How several processes train as one: who takes which examples, and how their gradients become one.

`accelerate launch` starts a process for each GPU. Each holds the whole adapter and takes every n-th example of a step;
gradients are summed before the update, which is then the same everywhere, so that nothing about a step depends on how
many processes take it. With FSDP the frozen layers of the base are shared out too, with DeepSpeed what the update
needs. Must not know what is trained.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from accelerate import Accelerator
from packaging.version import Version
from torch import Tensor, nn

from files import InputError

_DEEPSPEED = "0.19.6"
"""Older ones take the mean, whatever they are asked for."""
# What `accelerate launch` may ask of DeepSpeed, and what it must.
_ZERO2 = {"zero_stage": "2", "offload_optimizer_device": "none", "offload_param_device": "none", "config_file": "none"}


class Together:
    """The processes of a run, one or more.

    Raises:
        InputError: DeepSpeed is not there, or is to do something other than ZeRO-2.
    """

    def __init__(self) -> None:
        by_deepspeed = _is_true("ACCELERATE_USE_DEEPSPEED")
        if by_deepspeed:
            _refuse_other_than_zero2()
            # It is told by us what to share out, and not by accelerate: see `zero_updates.py`.
            os.environ["ACCELERATE_USE_DEEPSPEED"] = "false"
        # Weights and arithmetic are as `base_model.py` sets them, whatever a configuration of accelerate says.
        # Without GPUs the processes work on CPUs, like `base_model.load_base`.
        self._accelerator = Accelerator(mixed_precision="no", cpu=not torch.cuda.is_available())
        self.count: int = self._accelerator.num_processes
        self.index: int = self._accelerator.process_index
        self.device: torch.device = self._accelerator.device
        self.alone = self.count == 1
        self.first: bool = self._accelerator.is_main_process
        self._layers: list[Any] = []  # those that are shared out
        self.zero = by_deepspeed and not self.alone
        # Accelerate passes this over on CPUs, where it can be done as well.
        self.sharded = _is_true("ACCELERATE_USE_FSDP") and not self.alone
        self._ended = False
        if not self.alone:
            atexit.register(self._leave)

    def refuse_what_does_not_work(self, *, keep_4bit: bool) -> None:
        """Refuse ways of sharing that would not do what they say.

        Raises:
            InputError: It says what to take instead.
        """
        if self.sharded and keep_4bit:
            raise InputError("FSDP cannot share out 4-bit weights: leave --keep_4bit out, or launch with ddp.yaml")

    def share(self, numbers: Sequence[Any], index: int | None = None) -> list[Any]:
        """Give what is this process's, or that of process `index`."""
        return list(numbers[self.index if index is None else index :: self.count])

    def sum_up(self, tensors: Sequence[Tensor]) -> None:
        """Sum tensors over all processes, in place."""
        if not self.alone:
            flat: Any = self._accelerator.reduce(torch.cat([one.flatten() for one in tensors]), "sum")
            _spread(flat, tensors)

    def total(self, value: Tensor) -> float:
        """Give the sum of a number over all processes."""
        return float(self._accelerator.reduce(value, "sum"))  # type: ignore[arg-type]

    def gather(self, what: Any) -> list[Any]:
        """Give what each process has, on the CPU of the first one; nothing in the others."""
        packed = io.BytesIO()
        torch.save(what, packed)
        found: list[Any] = [None] * self.count
        torch.distributed.gather_object(packed.getvalue(), found if self.first else None)
        return [torch.load(io.BytesIO(one), map_location="cpu") for one in found] if self.first else []

    @torch.no_grad()
    def take_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Make tensors what they are in the first process."""
        if not self.alone:
            flat = torch.cat([one.flatten() for one in tensors])
            torch.distributed.broadcast(flat, 0)
            _spread(flat, tensors)

    def put_back(self) -> None:
        """Put back layers that are gathered: to read a model's weights in one process alone puts them back there."""
        for layer in self._layers:
            layer.reshard()

    def wait(self) -> None:
        """Wait for the others."""
        self._accelerator.wait_for_everyone()

    def end(self) -> None:
        """Part, when all is done."""
        self._accelerator.end_training()
        self._ended = True

    def _leave(self) -> None:
        """End a process that is done without taking Python down.

        DeepSpeed holds on to its groups for good, and so their threads go on: one that lets go of a tensor while Python
        is taken down aborts the process, and the launcher then calls a run that is over a failure (seen in 1 of 25).
        """
        if self._ended:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def share_layers(self, root: nn.Module, model: Any) -> None:
        """Share out the frozen weights of the decoder's layers; each is gathered when it is needed.

        What is trained stays whole everywhere, and so do embeddings, head and norms outside of layers.

        Args:
            root: The module whose forward pass is called.
            model: The model in it.

        Raises:
            InputError: The model does not say what its layers are.
        """
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        again = _is_true("FSDP_RESHARD_AFTER_FORWARD", usual="true")  # else gathered until the backward pass
        kinds = set(model._no_split_modules or ())
        layers = [module for module in model.modules() if type(module).__name__ in kinds]
        if not layers:
            raise InputError("FSDP: this model does not say what its layers are; launch with ddp.yaml")
        mesh = init_device_mesh(self.device.type, (self.count,))
        for layer in layers:
            trained = {one for one in layer.parameters() if one.requires_grad}
            fully_shard(layer, mesh=mesh, reshard_after_forward=again, ignored_params=trained)
        self._layers = layers
        inside = {one for layer in layers for one in layer.parameters()}
        fully_shard(root, mesh=mesh, ignored_params={one for one in root.parameters() if one not in inside})


def _spread(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    parts = flat.split([one.numel() for one in tensors])
    torch._foreach_copy_(list(tensors), [part.view_as(one) for part, one in zip(parts, tensors, strict=True)])


def _is_true(name: str, *, usual: str = "false") -> bool:
    return os.environ.get(name, usual).lower() == "true"


def _refuse_other_than_zero2() -> None:
    if find_spec("deepspeed") is None:
        raise InputError("DeepSpeed is not installed: pip install deepspeed, or launch with ddp.yaml")
    if Version(found := version("deepspeed")) < Version(_DEEPSPEED):
        raise InputError(f"DeepSpeed {found} cannot sum gradients up: pip install 'deepspeed>={_DEEPSPEED}'")
    asked = {name: os.environ.get(f"ACCELERATE_DEEPSPEED_{name.upper()}", usual) for name, usual in _ZERO2.items()}
    if other := [f"{name} {value}" for name, value in asked.items() if value != _ZERO2[name]]:
        raise InputError(
            f"of DeepSpeed's ways ZeRO-2 alone works here, not {', '.join(other)}; launch with deepspeed_zero2.yaml, "
            "or with fsdp.yaml, which shares out the base"
        )
