"""Lets the model answer prompts of token ids. The one place of the evaluation that knows how `predict.py` does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prediction.choice import Decoding, Prompt
from prediction.generation import Generator
from progress import Progress, say


def answer(model: Any, tokenizer: Any, prompts: Sequence[list[int]], *, max_new_tokens: int, name: str) -> list[str]:
    """Answer prompts by the likeliest next token until eos, as `predict.py` does; give the answers in order."""
    answers = [""] * len(prompts)
    asked = [Prompt(ids=ids, key=str(place)) for place, ids in enumerate(prompts)]
    say(f"{name}: {len(prompts)} to answer")
    with Progress(len(prompts), verb="answered") as progress:
        for one in Generator(model, tokenizer, Decoding(max_new_tokens=max_new_tokens)).answer(asked):
            answers[one.number] = one.text
            progress.add(len(one.tokens))
    return answers
