"""What readers differ in is refused, not read in one of the ways."""

import pytest

from harness.intake.adapter.strict_json import parse_strict


@pytest.mark.parametrize("text", ['{"r": 8, "r": 16}', '{"a": [{"b": 1, "b": 1}]}'])
def test_a_name_that_is_there_twice(text: str) -> None:
    with pytest.raises(ValueError, match="a name is there twice"):
        parse_strict(text)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(word: str) -> None:
    with pytest.raises(ValueError, match=f"{word} is no JSON"):
        parse_strict(f"[{word}]")


def test_all_else_is_read() -> None:
    assert parse_strict(b'{"a": [1, 2.5, null, "x"]}') == {"a": [1, 2.5, None, "x"]}
