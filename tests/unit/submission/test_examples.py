"""Rows that are too long are named; so is a base whose context is too short."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from files import InputError
from training.examples import encode, refuse_too_long
from utils import get_prompt

START = len(get_prompt("")) + 1


class Letters:
    """A tokenizer of one id per character."""

    bos_token_id, eos_token_id = None, 1

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}


def row(asked: int, answered: int) -> dict[str, str]:
    return {"instruction": "問" * asked, "output": "答" * answered}


def test_rows_that_fit_are_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    found = encode(Letters(), [row(4, 5), row(1, 1)], path=Path("rows.json"), max_length=START + 10)
    assert [len(one["input_ids"]) for one in found] == [START + 10, START + 3]
    assert capsys.readouterr().err == ""


def test_rows_that_are_cut_or_left_out_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(1, 1), row(1, 20), row(30, 1), *[row(1, 30)] * 6]
    found = encode(Letters(), rows, path=Path("rows.json"), max_length=START + 10)
    assert len(found) == 8
    assert capsys.readouterr().err.splitlines() == [
        f"rows.json: left out row 2 (counted from 0): the prompt alone fills --max_length {START + 10}",
        f"rows.json: cut rows 1, 3, 4, 5, 6 and 2 more (counted from 0) at --max_length {START + 10}: "
        "what was cut off does not count",
    ]


def test_no_row_that_fits_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^rows\.json: no row has an answer within --max_length 8 tokens; raise it$"):
        encode(Letters(), [row(1, 1)], path=Path("rows.json"), max_length=8)


def test_context_of_the_base() -> None:
    found = encode(Letters(), [row(4, 5)], path=Path("rows.json"), max_length=1000)
    refuse_too_long(found, SimpleNamespace(max_position_embeddings=START + 10))
    refuse_too_long(found, SimpleNamespace())
    with pytest.raises(InputError, match=f"takes 20 tokens and a row has {START + 10}; give --max_length 20$"):
        refuse_too_long(found, SimpleNamespace(max_position_embeddings=20))
