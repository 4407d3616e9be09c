"""The loss: negative log-likelihood of the answers' tokens, summed, with the head on those places alone.

Knows how to call any causal language model of transformers; must not know about optimizers or devices.
Whether a model may be called so, `trial.py` finds out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from base_model import inner_model
from encoding import IGNORED
from training.batches import Batch

CHUNK = 1024
"""Places that the head is applied to at a time: 1,024 x 151,936 logits are 0.6 GB in fp32."""
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 2e-2, torch.float16: 1e-2}
"""How far losses of the same tokens may be apart that were computed in other shapes, as a share."""


class HeadNll(torch.autograd.Function):
    """Head and cross-entropy in one, in chunks: logits of all places are never there at once, and their gradient is
    taken in the forward pass, where they are. The head itself is frozen.

    hidden (P, H), weight (V, H), labels (P,) -> the sum of the negative log-likelihoods, in fp32.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
        """Go through the chunks."""
        gradient = torch.empty_like(hidden)
        total = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, len(labels), CHUNK):
            here = slice(start, start + CHUNK)
            logits = linear(hidden[here], weight).float()  # (C, V)
            losses = cross_entropy(logits, labels[here], ignore_index=IGNORED, reduction="none")
            total += losses.sum()
            if not ctx.needs_input_grad[0]:
                continue
            probabilities = torch.softmax(logits, dim=-1)
            counted = labels[here] != IGNORED
            target = torch.where(counted, labels[here], 0)
            probabilities.scatter_add_(1, target[:, None], -torch.ones_like(target, dtype=torch.float32)[:, None])
            probabilities *= counted[:, None]
            gradient[here] = (probabilities.to(weight.dtype) @ weight).to(hidden.dtype)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        """Scale what the forward pass found."""
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0].to(gradient.dtype), None, None


class AnswerLoss(nn.Module):
    """A model with the loss on top; its forward pass takes a batch and gives the summed loss.

    Args:
        model: A causal language model of transformers, with or without an adapter of PEFT.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.own_head = True

    def forward(self, batch: Batch) -> Tensor:
        """Give the sum of the negative log-likelihoods of the answers' tokens."""
        if self.own_head:
            hidden = self.hidden(batch).flatten(0, 1)[batch.answers]  # (P, H)
            found: Tensor = HeadNll.apply(hidden, self.head.weight, batch.labels)
            return found
        logits = self.model(**self.inputs(batch)).logits.flatten(0, 1)[batch.answers].float()  # (P, V)
        return cross_entropy(logits, batch.labels, ignore_index=IGNORED, reduction="sum")

    def hidden(self, batch: Batch) -> Tensor:
        """Give what the head is applied to, (B, T, H)."""
        found: Tensor = self.whole.base_model(**self.inputs(batch)).last_hidden_state
        return found

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """Give the arguments of the model; where no row is shared, it counts positions itself."""
        inputs: dict[str, Any] = {"input_ids": batch.input_ids, "use_cache": False}
        if batch.documents is not None:
            inputs |= {"position_ids": batch.positions, "attention_mask": _mask(batch.documents)}
        return inputs

    @property
    def whole(self) -> Any:
        """Give the model of transformers."""
        return inner_model(self.model)

    @property
    def head(self) -> Any:
        """Give the layer that makes logits."""
        return self.whole.get_output_embeddings()


def _mask(documents: Tensor) -> Tensor:
    """Give (B, 1, T, T): a token sees those before it in its own example."""
    same = documents[:, :, None] == documents[:, None, :]
    return torch.tril(same)[:, None]
