"""Answers prompts, many at a time: longest first, and whenever enough answers are finished the next prompts come in.

An answer is the one that `generate` gives to its prompt alone, up to rounding. Models that cannot be run in slots (see
slots.py) are left to `generate`, in batches. Must not know where prompts come from or where answers go.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from base_model import free_gpu_bytes, inner_model, text_config
from files import InputError
from positions import most_tokens, passed_bound
from prediction.choice import Decoding, Prompt, Row, choose, end_tokens
from prediction.slots import Decoder, try_out
from progress import a_few, say

ROWS_ON_GPU, ROWS_ON_CPU = 128, 16
SHARE_FOR_CACHE = 0.5
"""Of the free GPU memory; the rest is for activations and recordings."""
TOKENS_ON_CPU = 16_384
"""Of the cache, in all rows together."""
ROOM_STEP = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a prompt.

    Attributes:
        number: Place of the prompt among those that were handed in.
        text: Without special tokens and space around it.
        tokens: What was generated, the end token included.
        cut: It reached its longest length.
    """

    number: int
    text: str
    tokens: tuple[int, ...]
    cut: bool


class Generator:
    """Answers prompts with a model.

    Args:
        model: A causal language model of transformers, with or without PEFT around it.
        tokenizer: Its tokenizer, with a padding token.
        how: What decides the text.
        batch_size: Most answers at a time; None: as many as are good for the device.
        slots: Use slots, where the model allows it.
        record: Record their steps on a GPU.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        how: Decoding,
        *,
        batch_size: int | None = None,
        slots: bool = True,
        record: bool = True,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.how = how
        self.core = inner_model(model)
        self.device = next(self.core.parameters()).device
        self.batch_size = batch_size or (ROWS_ON_GPU if self.device.type == "cuda" else ROWS_ON_CPU)
        self.ends = end_tokens(self.core, tokenizer)
        self._places = most_tokens(text_config(self.core.config))
        self._slots = slots
        self._record = record
        self._bytes_per_token: int | None = None

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[Answer]:
        """Give the answers as they are finished.

        Raises:
            InputError: Not even one prompt fits into memory, or the model has no places for one.
        """
        left = [Row(number, prompt, self.how, self.tokenizer, self.ends) for number, prompt in enumerate(prompts)]
        self._keep_to_places(left)
        if left and self._must_go_alone(left):
            self._slots, self.batch_size = False, 1
        elif left and self._slots:
            self._settle(prompts)
        left.sort(key=lambda row: (-row.room, row.number))
        while left:
            group = self._group(left)
            rows = self._rows(group)
            try:
                for row in self._run(group, rows):
                    left.remove(row)
                    yield Answer(number=row.number, text=row.text, tokens=tuple(row.tokens), cut=row.cut)
            except torch.OutOfMemoryError:
                fits = False
            else:
                fits = True
            if not fits:  # outside of `except`, whose error holds on to memory
                self._take_fewer(rows, left)

    def _keep_to_places(self, rows: Sequence[Row]) -> None:
        """Cut the longest lengths of answers where the model has no more places; the last token takes none.

        Raises:
            InputError: A prompt alone takes more.
        """
        if self._places is None:
            return
        if long := [f"{row.key} ({len(row.ids):,} tokens)" for row in rows if len(row.ids) > self._places]:
            raise InputError(
                f"this model takes at most {self._places:,} tokens, and prompts are longer: {a_few(long)}; shorten them"
            )
        for row in rows:
            row.limit = min(row.limit, self._places + 1 - len(row.ids))

    def _must_go_alone(self, rows: Sequence[Row]) -> bool:
        """Tell whether answers depend on the length of their neighbours."""
        bound = passed_bound(text_config(self.core.config), max(row.room for row in rows))
        if bound is None:
            return False
        say(f"this model counts positions otherwise in texts of more than {bound} tokens: one prompt at a time")
        return True

    def _settle(self, prompts: Sequence[Prompt]) -> None:
        """Find out whether this model can be run in slots.

        Raises:
            InputError: There is no memory to try it.
        """
        some = list(chain.from_iterable(prompt.ids for prompt in prompts[:32]))
        try:
            self._bytes_per_token = try_out(self.model, self.core, some)
        except torch.OutOfMemoryError as error:
            raise InputError(
                "out of memory: beside the model there is no room for two short texts; give --keep_4bit, end other "
                "programs on this GPU, or take one with more memory"
            ) from error
        self._slots = self._bytes_per_token is not None
        if not self._slots:
            say("this model cannot be run in slots: batches go through transformers' generate, which is slower")

    def _group(self, left: Sequence[Row]) -> Sequence[Row]:
        """Give rows that share a cache: all, or, where the longest would leave no room for many, those like it."""
        if self._rows(left) == min(self.batch_size, len(left)):
            return left[:]
        return [row for row in left if row.room * 2 > left[0].room]

    def _rows(self, group: Sequence[Row]) -> int:
        """Give how many rows of this group to run at a time."""
        most = min(self.batch_size, len(group))
        longest = max(row.room for row in group)
        if self.device.type != "cuda":
            return max(1, min(most, TOKENS_ON_CPU // longest))
        if self._bytes_per_token is None:
            return most
        memory = SHARE_FOR_CACHE * free_gpu_bytes(self.device)
        return max(1, min(most, int(memory // (self._bytes_per_token * longest))))

    def _take_fewer(self, rows: int, left: Sequence[Row]) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if rows == 1:
            raise InputError(
                f"out of memory: a prompt of {len(left[0].ids)} tokens and an answer of {left[0].limit} do not fit; "
                "lower --max_new_tokens, give --keep_4bit, or shorten the prompt"
            )
        self.batch_size = rows // 2
        say(f"out of memory with {rows} answers at a time: going on with {self.batch_size}")
        for row in left:
            row.begin()

    def _run(self, group: Sequence[Row], rows: int) -> Iterator[Row]:
        """Answer rows of like size, and give each that is done."""
        if self._slots:
            yield from self._run_in_slots(group, rows)
            return
        # In a batch the shorter answers are fed on until the longest is done, which the model must have places for.
        if self._places and max(len(row.ids) for row in group) + max(row.limit for row in group) - 1 > self._places:
            rows = 1
        for start in range(0, len(group), rows):
            batch = group[start : start + rows]
            self._generate(batch)
            yield from batch

    def _run_in_slots(self, group: Sequence[Row], rows: int) -> Iterator[Row]:
        longest = max(row.room for row in group)
        decoder = Decoder(self.core, rows=rows, length=-(-longest // ROOM_STEP) * ROOM_STEP, record=self._record)
        waiting = deque(group)
        active: list[Row] = []  # the row in each slot; those after the last one are free
        while waiting or active:
            free = rows - len(active)
            if waiting and (free >= rows / 4 or not active):  # reading prompts one by one would cost more than waiting
                fresh = [waiting.popleft() for _ in range(min(free, len(waiting)))]
                decoder.prefill(len(active), [row.ids for row in fresh])
                active += fresh
            logits = decoder.step([row.last for row in active], [row.position for row in active])
            for row, token in zip(active, choose(logits, active, self.how, ends=self.ends), strict=True):
                row.take(token)
            finished = [row for row in active if row.done]
            for slot in reversed(range(len(active))):
                if active[slot].done:
                    last = active.pop()
                    if slot < len(active):
                        decoder.cache.move(len(active), slot)
                        active[slot] = last
            yield from finished

    @torch.inference_mode()
    def _generate(self, batch: Sequence[Row]) -> None:
        """Answer rows by `generate`, padded on the left, so that every answer starts right after its prompt."""
        width = max(len(row.ids) for row in batch)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(row.ids)) + row.ids for row in batch])  # (B, T)
        mask = torch.tensor([[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in batch])  # (B, T)
        settings = GenerationConfig(
            do_sample=False,
            max_new_tokens=max(row.limit for row in batch),
            eos_token_id=sorted(self.ends) or None,
            pad_token_id=pad,
        )
        kept = self.model.generation_config
        self.model.generation_config = settings  # else the base's own settings fill what is not set here
        try:
            self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                generation_config=settings,
                logits_processor=LogitsProcessorList([_Chooser(batch, self.how, self.ends)]),
            )
        finally:
            self.model.generation_config = kept


class _Chooser(LogitsProcessor):  # type: ignore[misc]
    """Leaves `generate` no choice: rows take their tokens here, and rows that are done go on with an end token."""

    def __init__(self, rows: Sequence[Row], how: Decoding, ends: frozenset[int]) -> None:
        self.rows, self.how, self.ends = rows, how, ends

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Take the logits of the next tokens, (B, V), and give some that allow the chosen ones only."""
        tokens = [min(self.ends, default=0)] * len(self.rows)
        going = [at for at, row in enumerate(self.rows) if not row.done]
        if going:
            here = scores[torch.tensor(going, device=scores.device)]
            chosen = choose(here, [self.rows[at] for at in going], self.how, ends=self.ends)
            for at, token in zip(going, chosen, strict=True):
                self.rows[at].take(token)
                tokens[at] = token
        only = torch.full_like(scores, -torch.inf)
        return only.scatter_(1, torch.tensor(tokens, device=scores.device)[:, None], 0.0)
