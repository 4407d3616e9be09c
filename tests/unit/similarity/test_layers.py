import pytest

from harness.similarity.layers import layers_words

EVERY = [f"model.layers.{layer}.{name}" for layer in range(6) for name in ("q", "v")]


@pytest.mark.parametrize(
    ("some", "words"),
    [
        ([], ""),
        (EVERY, "layers 0-5 of 6"),
        (EVERY[:4] + EVERY[8:10], "layers 0-1, 4 of 6"),
        (EVERY[:3], "layers 0 of 6 and 1 more module"),
        (EVERY[1:2], "1 module"),
        (["lm_head", EVERY[0]], "2 modules"),
    ],
)
def test_words(some: list[str], words: str) -> None:
    assert layers_words(some, [*EVERY, "lm_head"]) == words
