"""Puts the examples of each update into batches: several in a row, kept apart by a mask, so that no token is padding.

How many examples share an update never depends on how they are packed. Must not know about models or optimizers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoding import IGNORED, Encoded

APART = -1
"""The document of padding, which sees nothing but other padding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of tokens on the device, and where in them an answer is predicted.

    Attributes:
        input_ids: (B, T)
        positions: (B, T), from 0 in each example.
        documents: (B, T), which example a token belongs to, `APART` for padding; None where no row holds two examples:
            causality alone keeps padding on the right from being seen.
        answers: (P,), the places in the flattened rows whose next token is one of an answer.
        labels: (P,), those next tokens, IGNORED where `answers` is filled up.
    """

    input_ids: Tensor
    positions: Tensor
    documents: Tensor | None
    answers: Tensor
    labels: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Give all of them, always in the same order."""
        made = (self.input_ids, self.positions, self.documents, self.answers, self.labels)
        return tuple(one for one in made if one is not None)

    @property
    def shape(self) -> tuple[tuple[int, ...], ...]:
        """Give what must be alike for two batches to share a recording."""
        return tuple(tuple(one.shape) for one in self.tensors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a batch may hold: tokens, whether rows are shared, and the steps in which sizes grow.

    On a GPU sizes are rounded up, so that few shapes come again and again; on a CPU nothing is.
    """

    tokens: int
    packing: bool
    token_step: int = 1
    answer_step: int = 1


def plan_steps(
    count: int, *, examples_per_step: int, epochs: float, seed: int
) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Give for each update the epoch that it completes (a fraction) and the numbers of its examples.

    Every epoch has another order; the last step of an epoch may be smaller, and a part of an epoch ends early.
    """
    per_epoch = -(-count // examples_per_step)
    order = list(range(count))
    for step in range(count_steps(count, examples_per_step=examples_per_step, epochs=epochs)):
        epoch, within = divmod(step, per_epoch)
        if within == 0:
            order = list(range(count))
            random.Random(f"{seed}/{epoch}").shuffle(order)
        start = within * examples_per_step
        yield epoch + (within + 1) / per_epoch, tuple(order[start : start + examples_per_step])


def count_steps(count: int, *, examples_per_step: int, epochs: float) -> int:
    """Give the number of updates."""
    return max(1, round(epochs * -(-count // examples_per_step)))


def split(numbers: Sequence[int], lengths: Sequence[int], *, room: Room) -> list[tuple[int, ...]]:
    """Divide examples into batches that have room for them, the longest first, each where it first fits.

    Args:
        numbers: Which examples.
        lengths: Tokens of all examples.
        room: What a batch may hold; an example that is longer gets a batch of its own.
    """
    batches: list[list[int]] = []
    taken: list[int] = []  # tokens of each batch, padding included
    for number in sorted(numbers, key=lambda one: (-lengths[one], one)):
        # Without shared rows each takes as much as the longest of its batch, which is its first.
        sizes = (lengths[number if room.packing else batch[0]] for batch in batches)
        place = next((at for at, size in enumerate(sizes) if taken[at] + size <= room.tokens), len(batches))
        if place == len(batches):
            batches.append([])
            taken.append(0)
        batches[place].append(number)
        taken[place] += lengths[number if room.packing else batches[place][0]]
    return [tuple(batch) for batch in batches]


def collate(examples: Sequence[Encoded], *, room: Room, padding: int, device: torch.device | str) -> Batch:
    """Lay examples into rows: all into one, or each into one of its own."""
    groups = [list(examples)] if room.packing else [[one] for one in examples]
    width = max(sum(len(one["input_ids"]) for one in group) for group in groups)
    width = min(_rounded(width, room.token_step), max(width, room.tokens))
    input_ids = torch.full((len(groups), width), padding)
    positions = torch.zeros((len(groups), width), dtype=torch.long)
    documents = torch.full((len(groups), width), APART)
    answers: list[int] = []
    labels: list[int] = []
    for row, group in enumerate(groups):
        start = 0
        for number, one in enumerate(group):
            length = len(one["input_ids"])
            here = slice(start, start + length)
            input_ids[row, here] = torch.tensor(one["input_ids"])
            positions[row, here] = torch.arange(length)
            documents[row, here] = number
            scored = [place for place in range(1, length) if one["labels"][place] != IGNORED]
            answers += [row * width + start + place - 1 for place in scored]
            labels += [one["labels"][place] for place in scored]
            start += length
    missing = _rounded(len(answers), room.answer_step) - len(answers)
    return Batch(
        input_ids=input_ids.to(device),
        positions=positions.to(device),
        documents=documents.to(device) if room.packing else None,
        answers=torch.tensor(answers + [0] * missing).to(device),
        labels=torch.tensor(labels + [IGNORED] * missing).to(device),
    )


def _rounded(size: int, step: int) -> int:
    return -(-size // step) * step
