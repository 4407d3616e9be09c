"""Feedback as Markdown: what a renderer makes of it, and that nothing of a student's becomes more than text."""

import re

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from markdown_it import MarkdownIt

from harness.language import language
from harness.model.result import Record
from harness.report.exports.markdown import escaped, feedback_markdown
from tests.unit.report.exports.conftest import SECRET


def test_golden(small_class: tuple[Record, ...], golden) -> None:
    texts = [feedback_markdown(one, language("en"), title="Homework <1>") for one in small_class]
    golden("feedback.md", "\n".join(texts))
    assert SECRET not in "".join(texts)
    assert "Your submission is not to blame" in texts[4] and " of " not in texts[4].splitlines()[2]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](http://x.example/y.png)",
        "<http://x.example>",
        "# heading",
        "- item",
        "+ item",
        "1. item",
        "1) item",
        "> quote",
        "=====",
        "---",
        "```sh",
        "~~~",
        "`open <b> *x*",
        "``two <b>`",
        "`a` <b> `c",
        "a | b",
        "**bold** _it_ *it*",
        "&lt;b&gt;",
        "\\<b>",
        "[x]: http://x.example",
        "- [ ] todo",
        "$x$",
        "a\n\n# b",
        "    code <b>",
        "http://x.example/a_b?c=d",
        "(HTTPS://x.example), ftp://x.example",
        "www.x.example WWW.x.example",
        "ann+1@x.example, _a_b@x.example_",
        "mailto:ann@x.example xmpp:ann@x.example/y",
        "@everyone",
        "@a@b+c@d",
        "+a@b",
        "1.@a",
        "`code @a` b@c.example",
        "\\`a@b.example\\`",
        "<a@b.example>",
        "[click here](https:evil.example) {0}.gguf",
    ],
)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    markdown = escaped(text)
    for html in (MarkdownIt("commonmark").render(markdown), github_flavored_markdown_to_html(markdown)):
        assert re.fullmatch(r"<p>(?:[^<>]|<code>[^<>]*</code>)*</p>\n", html), html
        assert "@" not in re.sub(r"<code>[^<>]*</code>", "", html), html
        words = " ".join(text.split())
        assert _text(html) == re.sub(r"`([^`]+)`(?!`)", r"\1", words) or _text(html) == words


def test_codes_that_touch_stay_two() -> None:
    assert escaped("`a`b@c`d`@e") == "`a` `b@c` `d` `@e`"


def test_links_read_well() -> None:
    assert escaped("see http://x.example or www.x.example") == r"see http\://x.example or www\.x.example"
    assert escaped("Ask ann@x.example.") == "Ask `ann@x.example`."


def _text(html: str) -> str:
    import html as entities

    return entities.unescape(re.sub(r"<[^>]*>", "", html)).removesuffix("\n")


def test_names_of_files_read_well() -> None:
    assert (
        escaped("adapter_checkpoint/adapter_model.bin is 12.5 MB") == "adapter_checkpoint/adapter_model.bin is 12.5 MB"
    )
    assert escaped("no `run_*.sh` here") == "no `run_*.sh` here"
