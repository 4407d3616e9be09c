"""Few-shot prompts: the same exemplars, chosen once by seed, before every question.

An exemplar is a whole example, `get_prompt` + output + eos, so that the model sees how an answer ends. Must not know
about models.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from encoding import IGNORED, Encoded, encode_example
from files import InputError

Row = Mapping[str, str]


def choose_exemplars(train_rows: Sequence[Row], eval_rows: Sequence[Row], *, shots: int, seed: int) -> list[Row]:
    """Choose rows to show; for fewer shots, take the first of them.

    A row that shares its instruction or its output with a row of the evaluation is never taken.

    Raises:
        InputError: Too few rows are left.
    """
    known = {row[name].strip() for row in eval_rows for name in ("instruction", "output")}
    free = [row for row in train_rows if not {row["instruction"].strip(), row["output"].strip()} & known]
    if len(free) < shots:
        raise InputError(
            f"{shots} exemplars are asked for, and --train_file has {len(free)} rows that are not in --eval_file, too; "
            "lower --shots or give another --train_file"
        )
    return random.Random(f"exemplars/{seed}").sample(free, shots)


def encode_shot(tokenizer: Any, row: Row, exemplars: Sequence[Row]) -> Encoded:
    """Encode a row of the evaluation behind its exemplars; only the row's own answer counts.

    Without exemplars this is `encode_example`. Where eos stands in for the start, one eos ends an exemplar and begins
    the next, as it does between documents.
    """
    shown: list[int] = []
    for exemplar in exemplars:
        shown += _joined(shown, encode_example(tokenizer, exemplar["instruction"], exemplar["output"])["input_ids"])
    own = encode_example(tokenizer, row["instruction"], row["output"])
    ids = shown + _joined(shown, own["input_ids"])
    scored = [label for label in own["labels"] if label != IGNORED]
    return {"input_ids": ids, "labels": [IGNORED] * (len(ids) - len(scored)) + scored}


def prompt_of(example: Encoded) -> list[int]:
    """Give what the model reads before it answers."""
    return [token for token, label in zip(example["input_ids"], example["labels"], strict=True) if label == IGNORED]


def _joined(before: Sequence[int], ids: list[int]) -> list[int]:
    return ids[1:] if before and before[-1] == ids[0] else ids
