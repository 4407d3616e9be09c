import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.schema.json_text import DEEPEST
from harness.schema.problem import DocumentError
from harness.schema.yaml_text import MOST_CHARACTERS, parse_yaml

WORDS = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=8)
# PyYAML leaves `0E0` without quotes, since it is no number in YAML 1.1: so no digits where it does the quoting.
NO_DIGITS = st.text(alphabet=st.characters(codec="ascii", categories=["L", "P", "Zs"]), max_size=8)


def values_of(words: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), words),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
        max_leaves=10,
    )


@given(values_of(WORDS))
def test_reads_json_as_json(value: Any) -> None:
    assert parse_yaml(json.dumps(value), "f")[0] == value


@given(values_of(NO_DIGITS))
def test_reads_the_block_style_that_pyyaml_writes(value: Any) -> None:
    text = yaml.safe_dump(value, default_flow_style=False)
    assert parse_yaml(text, "f")[0] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("2026-12-31", "2026-12-31"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("+1", "+1"),
        ("1e5", 1e5),
        ("-1.5", -1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-0", 0),
        ("true", True),
        ("~", None),
        ("'~'", "~"),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("<<: a", {"<<": "a"}),
        ("a:", {"a": None}),
    ],
)
def test_a_plain_word_has_the_type_that_json_has(text: str, value: object) -> None:
    data, _ = parse_yaml(text, "f")
    assert data == value
    assert type(data) is type(value)


def test_notes_where_keys_and_values_stand() -> None:
    _, places = parse_yaml("a:\n  b/c: [1,\n   x]\n", "f")
    assert places["/a"].key == (1, 1)
    assert places["/a/b~1c"].key == (2, 3)
    assert places["/a/b~1c"].value == (2, 8)
    assert places["/a/b~1c/1"].key is None
    assert places["/a/b~1c/1"].value == (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!int x", "f:1:1: expected a plain value, saw the tag !!int; remove the tag; quote the text if it is one"),
        ("!!set {a}", "f:1:1: expected a plain value, saw the tag !!set; remove the tag; quote the text if it is one"),
        ("? [a]\n: b", "f:1:3: expected a string as key, saw a list or mapping; put the key in quotes"),
        ("a: &x 1\nb: *x", "f:2:4: expected a value, saw the alias `*x`; write the value out, or quote the text"),
        ("a: *\x1b", "f:1:5: expected printable text, saw the character U+001B; remove it"),
        ("9" * 301, f"f:1:1: expected a number below 1e308, saw {'9' * 39}…; write a smaller number"),
    ],
)
def test_refuses_what_json_cannot_hold(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_yaml(text, "f")
    assert str(caught.value) == message


def test_the_deepest_level_is_read_and_the_next_refused() -> None:
    parse_yaml("[" * DEEPEST + "1" + "]" * DEEPEST, "f")
    with pytest.raises(DocumentError, match="f:1:65: expected at most 64 levels of lists and mappings, saw one more"):
        parse_yaml("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "f")


def test_a_file_of_data_is_refused_before_it_is_read() -> None:
    with pytest.raises(DocumentError, match="at most 1000000 characters of YAML, saw 1000001 characters; keep large"):
        parse_yaml("a" * (MOST_CHARACTERS + 1), "f")


@given(st.text(alphabet=st.sampled_from("ab:-?[]{}#&*!|>'\"%@`,\t\n 1.~"), max_size=30))
def test_any_text_is_data_or_a_problem(text: str) -> None:
    try:
        parse_yaml(text, "f")
    except DocumentError as error:
        (problem,) = error.problems
        assert problem.line >= 1 and problem.column >= 1
        assert problem.expected and problem.seen and problem.remedy
