"""Text of a student is shown, never obeyed; sizes have their unit."""

import pytest

from harness.text import in_mb, visible


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


@pytest.mark.parametrize(("count", "shown"), [(100_000_000, "100 MB"), (1_500_000, "1.5 MB"), (0, "0 MB")])
def test_a_size_in_mb(count: int, shown: str) -> None:
    assert in_mb(count) == shown
