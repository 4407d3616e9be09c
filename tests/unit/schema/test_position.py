from hypothesis import given
from hypothesis import strategies as st

from harness.schema.position import child, line_column, pointer_to, steps_of


def test_pointers_escape_slash_and_tilde() -> None:
    assert pointer_to([]) == ""
    assert pointer_to(["a", 0, "b/c", "~1", ""]) == "/a/0/b~1c/~01/"
    assert child("/a", "/") == "/a/~1"


@given(st.lists(st.text()))
def test_steps_are_the_inverse_of_pointers(steps: list[str]) -> None:
    assert steps_of(pointer_to(steps)) == steps


@given(st.text(alphabet="a字\n"), st.text(alphabet="a字\n"))
def test_line_and_column_count_characters_from_one(before: str, after: str) -> None:
    lines = before.split("\n")
    assert line_column(before + after, len(before)) == (len(lines), len(lines[-1]) + 1)
