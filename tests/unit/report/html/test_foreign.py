"""Foreign texts on a page."""

from harness.report.html.foreign import inline, lines, prose


def test_markup_is_text() -> None:
    assert inline('<b a="x">') == "<bdi>&lt;b a=&#34;x&#34;&gt;</bdi>"
    assert lines("<i>\n&amp;") == "&lt;i&gt;\n&amp;amp;"


def test_hidden_characters_are_seen() -> None:
    assert inline("a\u202eb\x00c\x1b[1m\ud800\n") == "<bdi>a\\u202eb\\x00c\\x1b[1m\\ud800\\n</bdi>"
    assert lines("a\u2066\r\nb") == "a\\u2066\\r\nb"


def test_backticks_are_code_and_hold_no_markup() -> None:
    assert prose("say `a <b>` and `c`") == "say <code>a &lt;b&gt;</code> and <code>c</code>"
    assert prose("`a\nb`") == "`a\nb`"
    assert lines("`as it is`") == "`as it is`"


def test_long_texts_are_cut() -> None:
    assert len(inline("x" * 10_000)) < 300
    assert len(lines("\n".join(["y" * 5_000] * 500))) < 130_000
    assert lines("z\n" * 100).endswith("\n…")
