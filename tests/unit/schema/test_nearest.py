import time

import pytest

from harness.schema.nearest import nearest


@pytest.mark.parametrize(
    ("word", "guess"),
    [("outputs", "output"), ("OUTPUT", "output"), ("ouptut", "output"), ("translation", None), ("", None)],
)
def test_guesses_a_mistyped_word(word: str, guess: str | None) -> None:
    assert nearest(word, ["id", "output"]) == guess


def test_a_huge_word_costs_nothing() -> None:
    begin = time.process_time()
    assert nearest("output" * 1_000_000, ["output" * 100_000]) is None
    assert time.process_time() - begin < 1
