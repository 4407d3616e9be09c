"""A script is split as bash would read it, as far as a look needs it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake.shell import commands


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a\n\nb", [(1, "a", "a"), (3, "b", "b")]),
        ("# gone\na # gone\n", [(2, "a ", "a ")]),
        ("echo $# a#b '#c'", [(1, "echo $# a#b '#c'", "echo $# a#b ")]),
        ("gdown \\\n --id x\nb", [(1, "gdown  --id x", "gdown  --id x"), (3, "b", "b")]),
        ("# comment \\\na", [(2, "a", "a")]),
        ("""awk '{print $1}' "$2" """, [(1, """awk '{print $1}' "$2" """, "awk  $2 ")]),
        (""" "it's $1" """, [(1, """ "it's $1" """, " it's $1 ")]),
        ("'a\n$1\n'$2", [(1, "'a", ""), (2, "$1", ""), (3, "'$2", "$2")]),
        ('echo "\\$1"', [(1, 'echo "\\$1"', "echo \\1")]),
        ("cat <<'E'\ndon't $1\nE\n$2", [(1, "cat <<'E'", "cat <<"), (2, "don't $1", ""), (4, "$2", "$2")]),
        ("cat <<E\nit's $1\nE\n$2", [(1, "cat <<E", "cat <<E"), (2, "it's $1", "it's $1"), (4, "$2", "$2")]),
        ("x=$((1<<n))\n$1\nn", [(1, "x=$((1<<n))", "x=$((1<<n))"), (2, "$1", "$1"), (3, "n", "n")]),
        ("echo 'a <<b'\nc", [(1, "echo 'a <<b'", "echo "), (2, "c", "c")]),
        ("((a<<1)); cat <<E\nx\nE\nc", [(1, "((a<<1)); cat <<E", "((a<<1)); cat <<E"), (2, "x", "x"), (4, "c", "c")]),
        ("cat <<< a\nb", [(1, "cat <<< a", "cat <<< a"), (2, "b", "b")]),
    ],
)
def test_commands(script: str, expected: list[tuple[int, str, str]]) -> None:
    assert [(one.line, one.text, one.expanded) for one in commands(script)] == expected


@given(st.text(alphabet="a$1'\"\\#\n <E", max_size=60))
def test_any_text_is_split(script: str) -> None:
    lines = script.count("\n") + 1
    assert all(1 <= one.line <= lines for one in commands(script))
    assert all(len(one.bare) == len(one.text) for one in commands(script))


def test_what_is_bare() -> None:
    (one,) = commands("""a "b c" 'd' \\e f # g""")
    assert one.bare.replace("\0", "_") == "a _____ ___ __ f "
