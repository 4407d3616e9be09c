"""Lets the model answer prompts of token ids. The one place of the evaluation that knows how `predict.py` does it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from likelihoods import neighbours
from predict import answer_batch
from progress import say


def answer(
    model: Any, tokenizer: Any, prompts: Sequence[list[int]], *, max_new_tokens: int, batch_tokens: int, name: str
) -> list[str]:
    """Answer prompts by the likeliest next token until eos, as `predict.py` does; give the answers in order."""
    started_s = time.monotonic()
    answers = [""] * len(prompts)
    done = 0
    for group in neighbours([len(one) + max_new_tokens for one in prompts], batch_tokens=batch_tokens):
        found = answer_batch(model, tokenizer, [prompts[one] for one in group], max_new_tokens=max_new_tokens)
        for place, text in zip(group, found, strict=True):
            answers[place] = text
        done += len(group)
        say(f"{name}: {done}/{len(prompts)} answered  {time.monotonic() - started_s:.0f} s")
    return answers
