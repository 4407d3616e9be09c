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

from answer_loss import CHUNK, CLOSE
from batches import Batch, Room, collate
from encoding import IGNORED, Encoded
from files import InputError
from perplexity import Likelihood
from progress import say


class Meter:
    """Measures examples with a model as it is at the moment of each call.

    Args:
        model: A causal language model of transformers, with or without an adapter of PEFT.
        padding: The token id that rows are filled up with.
        batch_tokens: Tokens in a batch, padding included.
    """

    def __init__(self, model: Any, *, padding: int, batch_tokens: int) -> None:
        self.model, self.padding = model, padding
        self.room = Room(tokens=batch_tokens, packing=False)
        self.own_head: bool | None = None  # whether the head is all that comes after the last hidden state

    @torch.inference_mode()
    def measure(self, examples: Sequence[Encoded], *, name: str) -> list[Likelihood]:
        """Give the likelihood of each example's answer, in the order of the examples.

        Raises:
            InputError: A loss is no number, which broken weights make.
        """
        started_s = time.monotonic()
        found: list[Likelihood | None] = [None] * len(examples)
        for group in neighbours([len(one["input_ids"]) for one in examples], batch_tokens=self.room.tokens):
            chosen = [examples[place] for place in group]
            counts = [sum(label != IGNORED for label in one["labels"]) for one in chosen]
            losses = self._losses(self._lay(chosen)).double().split(counts)
            for place, count, mine in zip(group, counts, losses, strict=True):
                found[place] = Likelihood(tokens=count, nll_nats=math.fsum(mine.tolist()))
        likelihoods = [one for one in found if one is not None]
        if any(math.isnan(one.nll_nats) for one in likelihoods):
            raise InputError(f"{name}: the loss is not a number; its weights are broken, train again or download again")
        tokens, seconds = sum(len(one["input_ids"]) for one in examples), time.monotonic() - started_s
        say(f"{name}: {len(examples)} examples, {tokens:,} tokens in {seconds:.1f} s")
        return likelihoods

    def _lay(self, examples: Sequence[Encoded]) -> Batch:
        return collate(examples, room=self.room, padding=self.padding, device=self.model.device)

    def _losses(self, batch: Batch) -> Tensor:
        """Give the loss of each answer token of a batch, (P,) in fp32, row after row."""
        if self.own_head is None:
            self.own_head = self._head_suffices(batch)
        return self._by_head(batch) if self.own_head else self._by_logits(batch)

    def _by_head(self, batch: Batch) -> Tensor:
        whole = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        hidden = whole.base_model(input_ids=batch.input_ids, use_cache=False).last_hidden_state  # (B, T, H)
        parts = hidden.flatten(0, 1)[batch.answers].split(CHUNK)  # (P, H)
        head = whole.get_output_embeddings()
        logits = (head(part).float() for part in parts)  # (C, V) each, one at a time
        return torch.cat([_nll(one, labels) for one, labels in zip(logits, batch.labels.split(CHUNK), strict=True)])

    def _by_logits(self, batch: Batch) -> Tensor:
        logits = self.model(input_ids=batch.input_ids, use_cache=False).logits.flatten(0, 1)  # (B * T, V)
        return _nll(logits[batch.answers].float(), batch.labels)

    def _head_suffices(self, batch: Batch) -> bool:
        """Hold both ways against each other on a row of a batch: some models cap or scale their logits."""
        width = batch.input_ids.shape[1]
        first = batch.answers < width
        row = Batch(
            input_ids=batch.input_ids[:1],
            positions=batch.positions[:1],
            documents=None,
            answers=batch.answers[first],
            labels=batch.labels[first],
        )
        fast, plain = self._by_head(row).sum(), self._by_logits(row).sum()
        return bool((fast - plain).abs() <= CLOSE.get(self.model.dtype, 2e-2) * plain.abs())


def _nll(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels, reduction="none")


def neighbours(lengths: Sequence[int], *, batch_tokens: int) -> list[list[int]]:
    """Divide examples into batches of like length, the longest first, so that a lack of memory shows at once.

    Args:
        lengths: Tokens of each example; one longer than `batch_tokens` gets a batch of its own.
        batch_tokens: Tokens in a batch, padding included.
    """
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= batch_tokens:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups
