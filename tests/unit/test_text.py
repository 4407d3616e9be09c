"""Text of a student is shown, never obeyed."""

import pytest

from harness.text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 文言", "plain 文言"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("a\tb\nc", "a    b\\nc"),
        ("\ud800", "\\ud800"),
        ("x" * 401, "x" * 399 + "…"),
    ],
)
def test_table(text: str, shown: str) -> None:
    assert visible(text) == shown
