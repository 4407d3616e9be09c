"""How the next token of an answer is chosen, and when an answer ends. Must not know how logits come about."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from base_model import text_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """What decides the text of an answer, beside model and prompt.

    Attributes:
        max_new_tokens: Longest answer.
        temperature: 0 takes the likeliest token; above that tokens are drawn.
        top_p: Tokens are drawn from the likeliest ones that have this probability together.
        seed: Same seed, same draws, whichever rows share a batch.
        stop: An answer ends before the first of these texts.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What an answer begins from.

    Attributes:
        ids: Token ids, at least one.
        key: Tells this prompt's draws from those of others; its id.
        limit: Longest answer to this prompt, where it differs from `Decoding.max_new_tokens`.
    """

    ids: Sequence[int]
    key: str
    limit: int | None = None


class Row:
    """A prompt and its answer so far.

    Args:
        number: Place of the prompt among all.
        prompt: The prompt.
        how: What decides the text.
        tokenizer: Turns tokens into text.
        ends: Tokens that end an answer; none is ever its first one, so that no answer is empty for want of a token.
    """

    def __init__(self, number: int, prompt: Prompt, how: Decoding, tokenizer: Any, ends: frozenset[int]) -> None:
        self.number = number
        self.ids = list(prompt.ids)
        self.limit = how.max_new_tokens if prompt.limit is None else prompt.limit
        self.key = prompt.key
        self._how = how
        self._tokenizer = tokenizer
        self._ends = ends
        self.begin()

    def begin(self) -> None:
        """Forget the answer so far."""
        self.tokens: list[int] = []
        self.done = self.cut = False
        self.draws = random.Random(f"{self._how.seed}/{self.key}")

    @property
    def room(self) -> int:
        """Tokens of the prompt and of the longest answer."""
        return len(self.ids) + self.limit

    @property
    def last(self) -> int:
        """The token that the model reads next."""
        return self.tokens[-1] if self.tokens else self.ids[-1]

    @property
    def position(self) -> int:
        """Where that token stands."""
        return len(self.ids) + len(self.tokens) - 1

    def take(self, token: int) -> None:
        """Add a token, and see whether it is the last one."""
        self.tokens.append(token)
        if token in self._ends or (self._how.stop and self._stopped_at(self._decoded()) >= 0):
            self.done = True
        elif len(self.tokens) >= self.limit:
            self.done = self.cut = True

    @property
    def text(self) -> str:
        """The answer."""
        whole = self._decoded()
        at = self._stopped_at(whole)
        return (whole if at < 0 else whole[:at]).strip()

    def _decoded(self) -> str:
        return str(self._tokenizer.decode(self.tokens, skip_special_tokens=True))

    def _stopped_at(self, text: str) -> int:
        return min((at for stop in self._how.stop if (at := text.find(stop)) >= 0), default=-1)


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Give the tokens that end an answer: eos of the tokenizer, and all that the model's generation settings name.

    Tokens that the model has no logit for cannot come, and are left out.
    """
    named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    found = named if isinstance(named, (list, tuple)) else [named]
    size = getattr(text_config(getattr(model, "config", None)), "vocab_size", None) or math.inf
    return frozenset(int(one) for one in (*found, tokenizer.eos_token_id) if one is not None and 0 <= int(one) < size)


def choose(logits: Tensor, rows: Sequence[Row], how: Decoding, *, ends: frozenset[int]) -> list[int]:
    """Choose the next token of each row.

    Args:
        logits: (B, V)
        rows: The B rows, in this order.
        how: Greedy or drawn.
        ends: Tokens that must not come first.
    """
    logits = logits.float()
    beginning = [at for at, row in enumerate(rows) if not row.tokens]
    if beginning and ends:
        logits = logits.clone()
        places = torch.tensor(beginning, device=logits.device)[:, None]
        logits[places, torch.tensor(sorted(ends), device=logits.device)] = -torch.inf
    if how.temperature == 0:
        return [int(one) for one in logits.argmax(dim=-1).tolist()]
    # One draw a row, from a source of its own: what a row gets depends neither on its neighbours nor on the device.
    drawn = torch.tensor([[row.draws.random()] for row in rows], device=logits.device, dtype=torch.float64)
    chances = torch.softmax(logits / how.temperature, dim=-1)  # (B, V)
    if how.top_p < 1:
        ordered, tokens = chances.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(dim=-1) - ordered >= how.top_p
        chances = chances.masked_fill(torch.zeros_like(beyond).scatter(1, tokens, beyond), 0.0)
    # Along the tokens' ids: two that are nearly as likely would change places by mere rounding.
    sums = chances.double().cumsum(dim=-1)
    whole = sums[:, -1:].contiguous()
    at = torch.searchsorted(sums, drawn * whole, right=True)
    last = torch.searchsorted(sums, whole)
    return [int(one) for one in torch.minimum(at, last)[:, 0].tolist()]
