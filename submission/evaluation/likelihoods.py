"""Takes the loss of every answer token, many examples at a time: the fast way to perplexity.

Neighbours in length share a batch, padded on the right. No mask is needed: a token sees only those before it, so
padding changes nothing, and the head runs on the places that count alone. Must not know about adapters or reports.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from base_model import text_config
from encoding import Encoded, scored
from evaluation.perplexity import Likelihood
from files import InputError
from positions import passed_bound
from progress import say
from training.answer_loss import CHUNK, AnswerLoss
from training.batches import Batch, Room, collate, split
from training.trial import head_suffices


class Meter:
    """Measures examples with a model as it is at the moment of each call.

    Args:
        model: A causal language model of transformers, with or without an adapter of PEFT.
        padding: The token id that rows are filled up with.
        batch_tokens: Tokens in a batch, padding included.
    """

    def __init__(self, model: Any, *, padding: int, batch_tokens: int) -> None:
        self.loss, self.padding = AnswerLoss(model), padding
        self.room = Room(tokens=batch_tokens, packing=False)
        self.own_head: bool | None = None  # whether the head is all that comes after the last hidden state

    @torch.inference_mode()
    def measure(self, examples: Sequence[Encoded], *, name: str) -> list[Likelihood]:
        """Give the likelihood of each example's answer, in the order of the examples.

        Raises:
            InputError: A loss is no number, which broken weights make.
        """
        started_s = time.monotonic()
        lengths = [len(one["input_ids"]) for one in examples]
        alone = passed_bound(text_config(self.loss.whole.config), max(lengths))
        room = Room(tokens=1, packing=False) if alone else self.room
        found: list[Likelihood | None] = [None] * len(examples)
        for group in split(range(len(examples)), lengths, room=room):
            chosen = [examples[place] for place in group]
            counts = [scored(one) for one in chosen]
            losses = self._losses(chosen).double().split(counts)
            for place, count, mine in zip(group, counts, losses, strict=True):
                found[place] = Likelihood(tokens=count, nll_nats=math.fsum(mine.tolist()))
        likelihoods = [one for one in found if one is not None]
        if any(math.isnan(one.nll_nats) for one in likelihoods):
            raise InputError(f"{name}: the loss is not a number; its weights are broken, train again or download again")
        say(f"{name}: {len(examples)} examples, {sum(lengths):,} tokens in {time.monotonic() - started_s:.1f} s")
        return likelihoods

    def _losses(self, examples: Sequence[Encoded]) -> Tensor:
        """Give the loss of each answer token of examples, the longest first, (P,) in fp32, one after the other."""
        if self.own_head is None:
            self.own_head = head_suffices(self.loss, self._lay(examples[:1]), self.loss.head)
        batch = self._lay(examples)
        return self._by_head(batch) if self.own_head else self._by_logits(batch)

    def _lay(self, examples: Sequence[Encoded]) -> Batch:
        return collate(examples, room=self.room, padding=self.padding, device=self.loss.model.device)

    def _by_head(self, batch: Batch) -> Tensor:
        parts = self.loss.hidden(batch).flatten(0, 1)[batch.answers].split(CHUNK)  # (C, H) each
        logits = (self.loss.head(part).float() for part in parts)  # (C, V) each, one at a time
        return torch.cat([_nll(one, labels) for one, labels in zip(logits, batch.labels.split(CHUNK), strict=True)])

    def _by_logits(self, batch: Batch) -> Tensor:
        logits = self.loss.model(**self.loss.inputs(batch)).logits.flatten(0, 1)  # (B * T, V)
        return _nll(logits[batch.answers].float(), batch.labels)


def _nll(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels, reduction="none")
