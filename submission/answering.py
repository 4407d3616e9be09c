"""Lets the model answer prompts of token ids. The one place of the evaluation that knows how `predict.py` does it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from predict import answer_batch
from progress import say

BATCH = 32


def answer(model: Any, tokenizer: Any, prompts: Sequence[list[int]], *, max_new_tokens: int, name: str) -> list[str]:
    """Answer prompts by the likeliest next token until eos, as `predict.py` does; give the answers in order."""
    started_s = time.monotonic()
    answers = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda place: (-len(prompts[place]), place))
    for start in range(0, len(order), BATCH):
        group = order[start : start + BATCH]
        found = answer_batch(model, tokenizer, [prompts[one] for one in group], max_new_tokens=max_new_tokens)
        for place, text in zip(group, found, strict=True):
            answers[place] = text
        say(f"{name}: {start + len(group)}/{len(prompts)} answered  {time.monotonic() - started_s:.0f} s")
    return answers
