"""Turns texts into token ids, the same way for training, prediction and scoring.

One example is `[start] + tok(prompt) + tok(output) + [eos]` with no other special token, where `start` is the
tokenizer's bos, or its eos where there is no bos. Prompt and output are tokenised apart, so that the border between
them is never blurred. Must not know about models, files or the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from utils import get_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label that cross-entropy skips."""


class Encoded(TypedDict):
    """One training example: `labels` repeats `input_ids` on output and eos, and is IGNORED before them."""

    input_ids: list[int]
    labels: list[int]


def encode_prompt(tokenizer: PreTrainedTokenizerBase, instruction: str) -> list[int]:
    """Return `[start] + tok(prompt)`: what the model reads before it answers.

    Raises:
        ValueError: The tokenizer has neither bos nor eos.
    """
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if start is None:
        raise ValueError("the tokenizer has neither a bos nor an eos token; take the tokenizer of the base model")
    return [int(start), *_text_ids(tokenizer, get_prompt(instruction))]


def encode_example(tokenizer: PreTrainedTokenizerBase, instruction: str, output: str) -> Encoded:
    """Return the ids and labels of one example, with the loss on output and eos only."""
    prompt = encode_prompt(tokenizer, instruction)
    answer = [*_text_ids(tokenizer, output), int(tokenizer.eos_token_id)]
    return {"input_ids": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}


def encode_rows(
    tokenizer: PreTrainedTokenizerBase, rows: Iterable[Mapping[str, str]], *, max_length: int
) -> tuple[list[Encoded], int]:
    """Encode rows of `instruction` and `output`, cut at `max_length` tokens.

    Returns:
        The examples, and how many rows were dropped because the cut left nothing of the output.
    """
    encoded = [encode_example(tokenizer, row["instruction"], row["output"]) for row in rows]
    cut: list[Encoded] = [
        {"input_ids": e["input_ids"][:max_length], "labels": e["labels"][:max_length]} for e in encoded
    ]
    kept = [example for example in cut if example["labels"][-1] != IGNORED]
    return kept, len(encoded) - len(kept)


def scored(example: Encoded) -> int:
    """Count the tokens of an example that the loss is taken of."""
    return sum(label != IGNORED for label in example["labels"])


def _text_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
