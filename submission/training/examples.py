"""Turns rows of a file into examples, and names the rows that do not fit. Must not know how examples are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from base_model import text_config
from encoding import Encoded, encode_rows
from files import InputError
from progress import a_few, say


def encode(tokenizer: Any, rows: Sequence[Mapping[str, str]], *, path: Path, max_length: int) -> list[Encoded]:
    """Turn rows into token ids, cut at `max_length`; say which rows were cut or left out.

    Raises:
        InputError: Not one has an answer within `max_length`.
    """
    examples: list[Encoded] = []
    dropped, cut = [], []
    for number, row in enumerate(rows):
        kept, _ = encode_rows(tokenizer, [row], max_length=max_length)
        examples += kept
        if not kept:
            dropped.append(number)
        elif kept[0]["input_ids"][-1] != tokenizer.eos_token_id:
            cut.append(number)
    if not examples:
        raise InputError(f"{path}: no row has an answer within --max_length {max_length} tokens; raise it")
    if dropped:
        say(f"{path}: left out {_listed(dropped)}: the prompt alone fills --max_length {max_length}")
    if cut:
        say(f"{path}: cut {_listed(cut)} at --max_length {max_length}: what was cut off does not count")
    return examples


def refuse_too_long(examples: Sequence[Encoded], config: Any) -> None:
    """Refuse examples that are longer than the base model's context.

    Raises:
        InputError: It says how many tokens the model takes.
    """
    most = getattr(text_config(config), "max_position_embeddings", None)
    longest = max(len(one["input_ids"]) for one in examples)
    if most and longest > most:
        raise InputError(f"the base model takes {most} tokens and a row has {longest}; give --max_length {most}")


def _listed(numbers: Sequence[int]) -> str:
    rows = "row" if len(numbers) == 1 else "rows"
    return f"{rows} {a_few(numbers, most=5)} (counted from 0)"
