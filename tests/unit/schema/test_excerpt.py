import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schema.excerpt import excerpt


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("[1,\n 2,]", (2, 4), " 2,]\n   ^"),
        ("{'a': 1}", (1, 2), "{'a': 1}\n ^"),
        ("學習x", (1, 3), "學習x\n\u3000\u3000^"),
        ("[1,\n\n", (3, 1), "[1,\n   ^"),
        ("a\tb\x1b[31mc", (1, 3), "a    b\\x1b[31mc\n     ^"),
        ("x" * 100, (1, 51), "…" + "x" * 32 + "x" * 28 + "…\n" + " " * 33 + "^"),
        ("", (1, 1), None),
        ("\n \n", (2, 1), None),
    ],
)
def test_the_caret_is_below_the_place(text: str, place: tuple[int, int], shown: str | None) -> None:
    assert excerpt(text, *place) == shown


@given(st.text(alphabet="ab \n\t學\u0301\u202e\x00é｛", max_size=200), st.integers(1, 9), st.integers(1, 200))
def test_it_is_two_short_lines_whatever_the_text(text: str, line: int, column: int) -> None:
    shown = excerpt(text, line, column)
    if shown is not None:
        row, caret = shown.split("\n")
        assert caret.endswith("^") and set(caret[:-1]) <= {" ", "\u3000"}
        assert len(row) <= 160
        assert not {"\x00", "\u202e", "\t"} & set(shown)
