import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schema.json_text import DEEPEST, parse_json
from harness.schema.problem import DocumentError

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_reads_what_json_writes(value: Any, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only), "f") == value


@given(st.text(alphabet=st.sampled_from("[]{}:,\"\\ \n0123aeEinNtrufls.+-'#/<\ud7ff字"), max_size=40))
def test_any_text_is_data_or_a_problem_inside_it(text: str) -> None:
    try:
        parse_json(text, "f")
    except DocumentError as error:
        (problem,) = error.problems
        lines = text.split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.expected and problem.seen and problem.remedy


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_the_deepest_level_is_read_and_the_next_refused() -> None:
    parse_json(nested(DEEPEST), "f")
    with pytest.raises(DocumentError, match="f:1:65: expected at most 64 levels of lists and objects, saw one more"):
        parse_json(nested(DEEPEST + 1), "f")


def test_depth_beyond_the_recursion_limit_is_a_problem() -> None:
    with pytest.raises(DocumentError, match="at most 64 levels"):
        parse_json('{"a":' * 100_000, "f")


def test_a_number_that_python_would_not_convert_is_a_problem() -> None:
    digits = "9" * (sys.get_int_max_str_digits() + 1)
    with pytest.raises(DocumentError, match=r"f:1:3: expected a number below 1e308, saw 9{39}…; write a smal"):
        parse_json(f"[ {digits}]", "f")
