"""The position finder against a slow and obvious one, on random JSON in random layout."""

import json
import re
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schema.json_scan import (
    Offsets,
    find_offsets,
    offset_of_comma,
    offset_of_depth,
    offset_of_duplicate,
    offset_of_literal,
    strings_with,
)

ODD = st.text(alphabet=st.sampled_from('a"\\/~[]{}:, \n\té字😀'), max_size=6)
KEYS = st.one_of(ODD, st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=4))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), KEYS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)
LAYOUT = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 1, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (" ,\r\n", " : ")]),
    }
)


def reference(text: str) -> dict[tuple[str, ...], Offsets]:
    """Positions of every value by plain recursive descent."""
    found: dict[tuple[str, ...], Offsets] = {}
    decoder = json.JSONDecoder()

    def blank(at: int) -> int:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        return at

    def value(at: int, path: tuple[str, ...], key: int | None) -> int:
        found[path] = Offsets(key, at)
        if text[at] not in "[{":
            return decoder.raw_decode(text, at)[1]
        is_list, closing = text[at] == "[", "]" if text[at] == "[" else "}"
        at, index = blank(at + 1), 0
        while text[at] != closing:
            if is_list:
                at = value(at, (*path, str(index)), None)
            else:
                name, end = decoder.raw_decode(text, at)
                at = value(blank(blank(end) + 1), (*path, name), at)
            index, at = index + 1, blank(at)
            if text[at] == ",":
                at = blank(at + 1)
        return at + 1

    value(blank(0), (), None)
    return found


@given(VALUES, LAYOUT, st.sampled_from(["", " ", "\n\n"]), st.data())
def test_agrees_with_recursive_descent(value: Any, layout: dict[str, Any], before: str, data: st.DataObject) -> None:
    text = before + json.dumps(value, **layout) + "\n"
    expected = reference(text)
    assert find_offsets(text, expected) == expected
    one = data.draw(st.sampled_from(sorted(expected)))
    assert find_offsets(text, [one])[one] == expected[one]


@given(VALUES)
def test_leaves_out_what_is_not_there(value: Any) -> None:
    assert ("no", "such", "path") not in find_offsets(json.dumps(value), [("no", "such", "path")])


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), st.data())
def test_finds_the_second_of_two_equal_keys(members: dict[str, Any], data: st.DataObject) -> None:
    assert offset_of_duplicate(json.dumps([members, members])) == 0
    key = data.draw(st.sampled_from(sorted(members)))
    text = json.dumps(members)[:-1]
    assert offset_of_duplicate(f"{text}, {json.dumps(key)}: 1}}") == len(text) + 2


def test_a_literal_inside_a_string_is_passed_over() -> None:
    assert offset_of_literal('["NaN, NaN", NaN]', "NaN") == 13


def test_commas_between_values_alone_are_counted() -> None:
    text = '["a,\\",b", [1, 2], 3]'
    assert [offset_of_comma(text, most) for most in range(4)] == [
        text.index(", ["),
        text.index(", 2"),
        text.index(", 3"),
        None,
    ]
    endless = '"' + '\\"' * 2_000_000 + "," * 100
    begin = time.process_time()
    assert offset_of_comma(endless, 10) is None
    assert time.process_time() - begin < 1


def test_brackets_inside_a_string_are_no_level() -> None:
    assert offset_of_depth('["[[[[", [[]]]', 2) == 10


def test_large_and_deep_texts_take_linear_time() -> None:
    size = 200_000
    deep = "[" * size + "]" * size
    rows = "[" + ",".join('{"id": "a", "output": "\\n[{"}' for _ in range(size)) + "]"
    long = '["' + "\\n" * (10 * size) + '", 1]'
    begin = time.process_time()
    assert find_offsets(deep, [("0",)])[("0",)].value == 1
    assert offset_of_depth(deep, size - 1) == size - 1
    assert find_offsets(rows, [(str(size - 1), "output")])[(str(size - 1), "output")].value == len(rows) - 8
    assert find_offsets(long, [("1",)])[("1",)].value == len(long) - 2
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("literal", ["NaN", "-Infinity", "1" * 301, "-" + "1" * 301, "1e999", "1.5E+999"])
@pytest.mark.parametrize("behind", ["", "x", ".", "e", "]", "-", "NaN"])
@pytest.mark.parametrize("before", ["", '"NaN 1e999", ', "1" * 301 + ".5, -0.0, ", '"\\\\", true, 1e9, '])
def test_a_literal_is_found_whatever_stands_behind_it(before: str, literal: str, behind: str) -> None:
    text = f"[{before}{literal}{behind}"
    refused: list[str] = []

    def refuse(found: str) -> None:
        if found == literal:
            refused.append(found)
            raise ValueError("refused")

    with suppress(ValueError):
        json.loads(text, parse_int=refuse, parse_float=refuse, parse_constant=refuse)
    if refused:
        assert offset_of_literal(text, literal) == len(before) + 1
    else:
        assert behind in (".", "e", "-", "NaN")  # another number, or one that `json` takes whole


def test_a_string_without_end_is_looked_at_once() -> None:
    endless = '[1x, "' + '\\"' * 500_000
    begin = time.process_time()
    assert offset_of_literal(endless, "NaN") == 0
    assert offset_of_depth(endless, 9) == 0
    assert offset_of_duplicate(endless) == 0
    assert len(list(strings_with(endless, re.compile("z")))) == 0
    assert time.process_time() - begin < 2
