"""The loss: negative log-likelihood of the answers' tokens, summed, with the head on those places alone.

Knows how to call any causal language model of transformers; must not know about optimizers or devices.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from batches import Batch
from encoding import IGNORED
from progress import say

CHUNK = 1024
"""Places that the head is applied to at a time: 1,024 x 151,936 logits are 0.6 GB in fp32."""
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 2e-2, torch.float16: 1e-2}


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
        inputs = {"input_ids": batch.input_ids, "position_ids": batch.positions, "use_cache": False}
        if batch.documents is not None:
            inputs["attention_mask"] = self._mask(batch.documents)
        if self.own_head:
            hidden = self._whole.base_model(**inputs).last_hidden_state  # (B, T, H)
            found: Tensor = HeadNll.apply(hidden.flatten(0, 1)[batch.answers], self._head.weight, batch.labels)
            return found
        logits = self.model(**inputs).logits.flatten(0, 1)[batch.answers].float()
        return cross_entropy(logits, batch.labels, ignore_index=IGNORED, reduction="sum")

    def settle(self, one: Batch, others: tuple[Batch, ...], together: Batch) -> bool:
        """Hold the fast ways against the plain one: the own head, and examples that share a row.

        Args:
            one: An example alone.
            others: Some examples, each alone.
            together: The same ones in one row.

        Returns:
            Whether examples may share a row; where the own head is wrong for this model, it is given up.
        """
        training = self.training
        self.eval()
        with torch.no_grad():
            fast = self(one)
            self.own_head = False
            plain = self(one)
            self.own_head = self._close(fast, plain)
            if not self.own_head:
                say("this model's head does more than a product: the loss is taken from its own logits")
            apart = sum((self(other) for other in others), start=torch.zeros_like(plain))
            shared = self._close(self(together), apart)
        self.train(training)
        return shared

    @property
    def _whole(self) -> Any:
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    @property
    def _head(self) -> Any:
        return self._whole.get_output_embeddings()

    def _close(self, one: Tensor, other: Tensor) -> bool:
        return bool((one - other).abs() <= CLOSE.get(self._head.weight.dtype, 2e-2) * other.abs())

    @staticmethod
    def _mask(documents: Tensor) -> Tensor:
        """Give (B, 1, T, T): a token sees those before it in its own example."""
        same = documents[:, :, None] == documents[:, None, :]
        return torch.tril(same)[:, None]
