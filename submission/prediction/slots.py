"""Reads prompts and feeds one token at a time to many answers at once; on a GPU the step is recorded (CUDA graphs).

Each answer has a slot: a row of one cache of keys and values, filled from the left, so that nothing is padded and a
slot that is free takes the next prompt. A 4B model takes thousands of launches for a step, and the CPU needs longer
to make them than the GPU to do the work; a recording is replayed by one launch. Must not know how tokens are chosen.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from base_model import text_config
from progress import say

WIDTH_STEP = 512
"""On a GPU the step looks at a multiple of so many places: each shape has to be recorded, which takes half a second."""
PREFILL_TOKENS = 8192
"""Prompts are read so many tokens at a time."""
PROBED, PROBED_STEPS = 24, 3
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 5e-2}
REFUSALS = (TypeError, ValueError, RuntimeError, AttributeError, LookupError, AssertionError)
"""What a model raises that cannot be called in this way."""


class SlotCache(Cache):  # type: ignore[misc]
    """Keys and values of all layers, (rows, heads, length, size) each; each row is filled up to a place of its own."""

    def __init__(self, *, rows: int, length: int, device: torch.device) -> None:
        super().__init__(layers=[])
        self.rows, self.length, self.width = rows, length, length
        self.positions = torch.zeros(rows, dtype=torch.long, device=device)
        self._numbers = torch.arange(rows, device=device)
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any) -> Any:
        """Put one token of each of the first rows to its place: (B, H, 1, D) -> the B rows, (B, H, width, D)."""
        count = len(key_states)
        here = (self._numbers[:count], slice(None), self.positions[:count])
        kept = self._layer(layer_idx, key_states, value_states)
        for mine, new in zip(kept, (key_states, value_states), strict=True):
            mine[here] = new[:, :, 0]
        return tuple(mine[:count, :, : self.width] for mine in kept)

    def fill(self, first: int, prompts: DynamicCache) -> None:
        """Copy what a model made of prompts into the slots from `first` on."""
        for number, layer in enumerate(prompts.layers):
            for mine, new in zip(
                self._layer(number, layer.keys, layer.values), (layer.keys, layer.values), strict=True
            ):
                mine[first : first + len(new), :, : new.shape[2]] = new

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Copy a slot over another one."""
        for pair in self._kept.values():
            for mine in pair:
                mine[target] = mine[source]

    def get_seq_length(self, *_: Any, **__: Any) -> int:
        """Give 0: positions are always handed in."""
        return 0

    @property
    def bytes_per_token(self) -> int:
        """Memory that a token takes in all layers."""
        return sum(one.element_size() * one.shape[1] * one.shape[3] for pair in self._kept.values() for one in pair)

    def _layer(self, number: int, *like: Tensor) -> tuple[Tensor, Tensor]:
        if number not in self._kept:
            keys, values = (one.new_zeros((self.rows, one.shape[1], self.length, one.shape[3])) for one in like)
            self._kept[number] = (keys, values)
        return self._kept[number]


class Decoder:
    """Runs a model over slots.

    Args:
        model: A causal language model with full attention in all layers, PEFT's layers in it.
        rows: Number of slots.
        length: Tokens that a slot has room for.
        record: Record steps on a GPU.
    """

    def __init__(self, model: Any, *, rows: int, length: int, record: bool = True) -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self.on_gpu = self.device.type == "cuda"
        self.cache = SlotCache(rows=rows, length=length, device=self.device)
        self._tokens = torch.zeros((rows, 1), dtype=torch.long, device=self.device)
        self._places = torch.arange(length, device=self.device)
        self._record = record and self.on_gpu
        self._seen: set[tuple[int, int]] = set()
        self._made: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._pool = torch.cuda.graph_pool_handle() if self._record else None
        accepted = inspect.signature(model.forward).parameters
        self._cache_name = "cache" if "cache" in accepted else "past_key_values"  # transformers 5.2x renames it
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    @torch.inference_mode()
    def prefill(self, first: int, prompts: Sequence[Sequence[int]]) -> None:
        """Read all but the last token of each prompt into the slots from `first` on.

        Rows are padded on the right, where causality keeps padding from being seen.
        """
        for start, group in _portions(prompts):
            width = max(map(len, group)) - 1
            if width:
                ids = [[*prompt[:-1], *[0] * (width + 1 - len(prompt))] for prompt in group]
                read = DynamicCache()
                inputs = {"input_ids": torch.tensor(ids, device=self.device), self._cache_name: read}
                self.model(**inputs, use_cache=True, **self._last_only)
                self.cache.fill(first + start, read)

    @torch.inference_mode()
    def step(self, tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Feed one token to each of the first slots, and give the logits of the next ones, (B, V).

        They are those of this call until the next one.
        """
        rows, width = self._shape(len(tokens), max(positions) + 1)
        idle = [0] * (rows - len(tokens))
        self._tokens[:rows, 0] = torch.tensor([*tokens, *idle], device=self.device)
        self.cache.positions[:rows] = torch.tensor([*positions, *idle], device=self.device)
        return self._run(rows, width)[: len(tokens)]

    def _shape(self, rows: int, width: int) -> tuple[int, int]:
        """On a GPU round up, to one of few shapes."""
        if not self.on_gpu:
            return rows, width
        rounded = self.cache.rows
        while rounded // 8 >= rows:
            rounded //= 8
        return rounded, min(-(-width // WIDTH_STEP) * WIDTH_STEP, self.cache.length)

    def _run(self, rows: int, width: int) -> Tensor:
        """Run a step; a shape that comes for the second time is recorded, and replayed from then on."""
        shape = (rows, width)
        if shape in self._made:
            graph, logits = self._made[shape]
            graph.replay()
            return logits
        logits = self._forward(rows, width)
        if self._record and shape in self._seen:
            self._make(shape, logits)
        self._seen.add(shape)
        return logits

    def _forward(self, rows: int, width: int) -> Tensor:
        positions = self.cache.positions[:rows, None]
        self.cache.width = width
        found: Tensor = self.model(
            input_ids=self._tokens[:rows],
            position_ids=positions,
            attention_mask=(self._places[:width] <= positions)[:, None, None],  # (B, 1, 1, width)
            use_cache=True,
            **{self._cache_name: self.cache},
        ).logits[:, -1]
        return found

    def _make(self, shape: tuple[int, int], expected: Tensor) -> None:
        """Record a step that has just been run, and replay it: it puts the same keys and values to the same places."""
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=self._pool):
                logits = self._forward(*shape)
            graph.replay()
            self._record = close(logits, expected)
            problem = "a recording gives other logits"
        except RuntimeError as error:
            self._record = False
            problem = str(error).splitlines()[0]
        if self._record:
            self._made[shape] = (graph, logits)
        else:
            say(f"this model's steps cannot be recorded, so they are launched one by one: {problem}")


def _portions(prompts: Sequence[Sequence[int]]) -> Iterator[tuple[int, Sequence[Sequence[int]]]]:
    """Divide prompts into runs of at most PREFILL_TOKENS, padding included; give each with the place of its first."""
    start = 0
    while start < len(prompts):
        end, longest = start, 0
        while end < len(prompts):
            longest = max(longest, len(prompts[end]))
            if end > start and longest * (end + 1 - start) > PREFILL_TOKENS:
                break
            end += 1
        yield start, prompts[start:end]
        start = end


@torch.inference_mode()
def try_out(model: Any, core: Any, ids: Sequence[int]) -> int | None:
    """Hold slots against the model's plain forward pass on two short texts of unlike length.

    Args:
        model: The model as it is to be used, PEFT around it.
        core: The model inside it that slots call.
        ids: Token ids to make the texts of, as many as there are.

    Returns:
        The bytes that a token takes in the cache, or None where the model cannot be used with slots.

    Raises:
        torch.OutOfMemoryError: There is no memory left for two short texts.
    """
    config = text_config(core.config)
    kinds = getattr(config, "layer_types", None)
    sliding = set(kinds) != {"full_attention"} if kinds else getattr(config, "sliding_window", None)
    if sliding:  # short texts would not show it
        return None
    whole = (list(ids) * PROBED)[:PROBED]
    texts = [whole, whole[5:14]]
    try:
        plain = [model(input_ids=torch.tensor([text], device=core.device)).logits[0, -PROBED_STEPS:] for text in texts]
        decoder = Decoder(core, rows=2, length=PROBED, record=False)
        decoder.prefill(0, [text[: len(text) - PROBED_STEPS + 1] for text in texts])
        for step in range(PROBED_STEPS):
            places = [len(text) - PROBED_STEPS + step for text in texts]
            logits = decoder.step([text[place] for text, place in zip(texts, places, strict=True)], places)
            if not all(close(logits[row], plain[row][step]) for row in range(len(texts))):
                return None
    except torch.OutOfMemoryError:
        raise
    except REFUSALS:
        return None
    return decoder.cache.bytes_per_token


def close(one: Tensor, other: Tensor) -> bool:
    """Tell whether logits are alike but for rounding."""
    furthest = (one.float() - other.float()).abs().max()
    return bool(furthest <= CLOSE.get(other.dtype, 0.1) * other.float().abs().max())
