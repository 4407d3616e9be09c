"""Token ids are exactly `[start] + tok(prompt) + tok(output) + [eos]`, and only output and eos bear loss."""

from typing import Any

import encoding
import pytest
from utils import get_prompt


class Letters:
    """A tokenizer of one id per character that would add a bos of its own if it were let."""

    eos_token_id = 1

    def __init__(self, bos_token_id: int | None) -> None:
        self.bos_token_id = bos_token_id

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [999] * add_special_tokens + [ord(letter) for letter in text]}


def ids(text: str) -> list[int]:
    return [ord(letter) for letter in text]


@pytest.mark.parametrize(("bos", "start"), [(7, 7), (0, 0), (None, 1)])
def test_example_is_start_prompt_output_eos(bos: int | None, start: int) -> None:
    tokenizer: Any = Letters(bos)
    example = encoding.encode_example(tokenizer, "甲", "乙丙")
    prompt = [start, *ids(get_prompt("甲"))]
    assert example["input_ids"] == [*prompt, *ids("乙丙"), 1]
    assert example["labels"] == [-100] * len(prompt) + [*ids("乙丙"), 1]
    assert encoding.encode_prompt(tokenizer, "甲") == prompt


def test_cut_rows_that_keep_no_output_are_dropped_and_counted() -> None:
    tokenizer: Any = Letters(7)
    prompt = len(encoding.encode_prompt(tokenizer, "甲"))
    rows = [{"instruction": "甲", "output": "乙丙"}, {"instruction": "甲" * 5, "output": "乙"}]
    kept, dropped = encoding.encode_rows(tokenizer, rows, max_length=prompt + 2)
    assert dropped == 1
    assert [example["labels"][prompt:] for example in kept] == [ids("乙丙")]


def test_tokenizer_without_bos_and_eos_is_refused() -> None:
    tokenizer: Any = Letters(None)
    tokenizer.eos_token_id = None
    with pytest.raises(ValueError, match="neither a bos nor an eos token"):
        encoding.encode_prompt(tokenizer, "甲")
