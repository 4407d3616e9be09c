"""Forward and backward pass on one GPU as recordings (CUDA graphs), one for each shape of batch.

A 4B model takes thousands of launches for a pass of 1,300 tokens, and the CPU needs longer to make them than the GPU
to do the work. A recording is replayed by one launch. Must not know what the loss is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from progress import say
from training.batches import Batch

MOST_RECORDINGS = 64
"""Each keeps its batch and some bookkeeping; they share the memory of the passes."""


class Recordings:
    """Runs passes; a shape that comes for the second time is recorded, and replayed from then on.

    Args:
        run: The pass: takes a batch and a factor for the gradient, adds to gradients that stay where they are, and
            gives the loss.
        alone: Whether no other process takes part: else a thread of NCCL looks after its work meanwhile, which must
            not spoil a recording.
    """

    def __init__(self, run: Callable[[Batch, Tensor], Tensor], *, alone: bool = True) -> None:
        self._run = run
        self._mode = "global" if alone else "thread_local"
        self._seen: Counter[tuple[tuple[int, ...], ...]] = Counter()
        self._made: dict[tuple[tuple[int, ...], ...], tuple[torch.cuda.CUDAGraph, Batch, Tensor, Tensor]] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._broken = False

    def __call__(self, batch: Batch, factor: Tensor) -> Tensor:
        """Run the pass of a batch; its loss is that of this call until the next one of the same shape."""
        shape = batch.shape
        self._seen[shape] += 1
        if shape not in self._made:
            if self._broken or self._seen[shape] == 1 or len(self._made) >= MOST_RECORDINGS:
                return self._run(batch, factor)
            return self._record(batch, factor)
        graph, place, place_of_factor, loss = self._made[shape]
        for inside, given in zip(place.tensors, batch.tensors, strict=True):
            inside.copy_(given)
        place_of_factor.copy_(factor)
        graph.replay()
        return loss

    def _record(self, batch: Batch, factor: Tensor) -> Tensor:
        """Run the pass of this batch, then record it for the next ones: recording computes nothing."""
        loss_now = self._run(batch, factor).clone()
        place, place_of_factor = deepcopy(batch), factor.clone()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode=self._mode):
                loss = self._run(place, place_of_factor)
        except RuntimeError as error:
            self._broken = True
            say(
                f"this model's passes cannot be recorded, so they are launched one by one: {str(error).splitlines()[0]}"
            )
            return loss_now
        self._made[batch.shape] = (graph, place, place_of_factor, loss)
        return loss_now
