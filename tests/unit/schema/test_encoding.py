import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.schema.encoding import text_of
from harness.schema.problem import DocumentError

REMEDY = 'save it as UTF-8; in Python: open(path, "w", encoding="utf-8")'
UNMARKED = REMEDY.replace("UTF-8;", "UTF-8 without byte order mark;")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named(encoding: str) -> None:
    with pytest.raises(DocumentError) as caught:
        text_of('[{"id": "好"}]'.encode(encoding), "f")
    assert str(caught.value) == f"f:1:1: expected UTF-8, saw UTF-16 or UTF-32; {REMEDY}"


def test_a_byte_order_mark_is_named() -> None:
    with pytest.raises(DocumentError) as caught:
        text_of("[]".encode("utf-8-sig"), "f")
    assert str(caught.value) == f"f:1:1: expected UTF-8 without byte order mark, saw a byte order mark; {UNMARKED}"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_the_place_of_a_wrong_byte_counts_characters(before: str) -> None:
    with pytest.raises(DocumentError) as caught:
        text_of(before.encode() + b"    \xff", "f")
    *lines, last = before.split("\n")
    place = f"f:{len(lines) + 1}:{len(last) + 5}"
    assert str(caught.value) == f"{place}: expected UTF-8, saw the byte 0xFF; {REMEDY}"
