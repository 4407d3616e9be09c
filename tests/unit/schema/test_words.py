import pytest

from harness.schema.words import expected_words, remedy_words, seen_words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        ("", "an empty string"),
        ("a\nb", '"a\\nb"'),
        ("x" * 100, '"' + "x" * 39 + '…"'),
        (12, "the number 12"),
        (1.5, "the number 1.5"),
        ([], "an empty list"),
        ([1, 2], "a list of 2"),
        ({}, "an empty object"),
        ({"a": 1}, "an object with the key `a`"),
        ({str(i): 1 for i in range(9)}, "an object with the keys `0`, `1`, `2`, `3`, `4`, `5` and 3 more"),
    ],
)
def test_seen(value: object, words: str) -> None:
    assert seen_words(value) == words


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "exclusiveMinimum": 0}, "a number > 0"),
        ({"type": "integer", "minimum": 1}, "a whole number >= 1"),
        ({"type": ["integer", "null"], "minimum": 0, "maximum": 255}, "a whole number from 0 to 255 or null"),
        ({"type": "string", "minLength": 1}, "a string that is not empty"),
        ({"type": "array", "minItems": 1}, "a list with at least one entry"),
        ({"type": "boolean"}, "true or false"),
        ({"enum": ["a", "b"]}, "one of a, b"),
        ({"const": "record.v1"}, '"record.v1"'),
        ({"type": "string", "pattern": "x", "examples": ["2026"]}, 'a string such as "2026"'),
        ({"type": "string", "pattern": "^[a-z]+$"}, "a string like ^[a-z]+$"),
        ({"not": {"const": 1}}, "another value"),
    ],
)
def test_expected(schema: dict[str, object], words: str) -> None:
    assert expected_words(schema) == words


@pytest.mark.parametrize(
    ("schema", "value", "key", "words"),
    [
        ({"type": "number", "examples": [3600]}, "1h", "timeout_s", "write seconds, such as 3600"),
        ({"type": "integer", "examples": [100]}, None, "max_bytes", "write bytes, such as 100"),
        ({"type": "integer", "examples": [100]}, None, "rank", "write something such as 100"),
        ({"type": "integer"}, "1_000", "rank", "write 1000, without quotes"),
        ({"type": "string"}, 12, "id", 'put it in quotes: "12"'),
        ({"type": "string"}, True, "id", 'put it in quotes: "true"'),
        ({"type": "boolean"}, "yes", "x", "write true or false, without quotes"),
        ({"enum": ["nf4", "fp4"]}, "NF4", "x", "did you mean `nf4`?"),
        ({"enum": ["nf4", "fp4"]}, "q", "x", "write one of nf4, fp4"),
        ({"type": "object", "properties": {"a": {}, "b": {}}}, 1, "", "write an object with the keys `a`, `b`"),
        ({"type": "null"}, "x", "", "leave it out, or write null"),
    ],
)
def test_remedy(schema: dict[str, object], value: object, key: str, words: str) -> None:
    assert remedy_words(schema, value, key) == words
