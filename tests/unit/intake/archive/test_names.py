"""Names out of archives: what is safe, what is repaired, what is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake.archive.names import RefusedName, folded, is_ignored, read_name


@pytest.mark.parametrize(
    ("raw", "is_utf8", "parts", "repaired"),
    [
        (b"a/b", False, ("a", "b"), False),
        (b"./a//b/", True, ("a", "b"), False),
        ("作業/a".encode(), True, ("作業", "a"), False),
        ("作業/a".encode(), False, ("作業", "a"), True),
        ("作業/a".encode("cp950"), True, ("作業", "a"), True),
        (
            b"caf\x82 \xff",
            False,
            ("café\N{NO-BREAK SPACE}".replace("\N{NO-BREAK SPACE}", " \N{NO-BREAK SPACE}"),),
            True,
        ),
        (b"a\\b", True, ("a", "b"), True),
        (b"./", True, (), False),
    ],
)
def test_read_name(raw: bytes, is_utf8: bool, parts: tuple[str, ...], repaired: bool) -> None:
    name = read_name(raw, is_utf8=is_utf8)
    assert (name.parts, name.repaired) == (parts, repaired)


@given(st.binary(max_size=400), st.booleans())
def test_a_name_that_is_read_stays_below_its_root(raw: bytes, is_utf8: bool) -> None:
    try:
        name = read_name(raw, is_utf8=is_utf8)
    except RefusedName:
        return
    for part in name.parts:
        assert part not in ("", ".", "..")
        assert not set(part) & set("/\\\0\n\r\x1b")
        assert len(part.encode()) <= 255


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        (".git/config", (".git/*",), True),
        ("r1/.git/config", (".git/*",), True),
        ("r1/code/.git/config", (".git/*",), False),
        (".git", (".git/*",), True),
        ("a/__pycache__/b.pyc", ("__pycache__",), True),
        ("a/b.pyc", ("*.pyc",), True),
        ("a/b.py", ("*.pyc",), False),
        ("venv/lib/x/y", ("venv/",), True),
        ("a/__MACOSX/b", (), True),
        ("a/._b", (), True),
        ("a/.b", (), False),
    ],
)
def test_is_ignored(path: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert is_ignored(path.split("/"), patterns) is expected


def test_is_ignored_counts_from_the_root_where_nothing_wraps() -> None:
    assert not is_ignored(["code", "data", "x"], ("data/*",), wrapped=False)


def test_folded() -> None:
    assert folded("CAFE\u0301") == folded("caf\u00e9")
    assert folded("a") != folded("b")
