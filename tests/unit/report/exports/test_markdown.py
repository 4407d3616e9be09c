"""Feedback as Markdown: what a renderer makes of it, and that nothing of a student's becomes more than text."""

import re

import pytest

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
        "[click here](https:evil.example) {0}.gguf",
    ],
)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    html = markdown_it.MarkdownIt("commonmark").render(escaped(text))
    assert re.fullmatch(r"<p>(?:[^<>]|<code>[^<>]*</code>)*</p>\n", html), html
    words = " ".join(text.split())
    assert _text(html) == re.sub(r"`([^`]+)`(?!`)", r"\1", words) or _text(html) == words


def test_a_bare_address_is_no_link() -> None:
    """GitHub's extension makes links of both; a backslash ends that, and is not shown."""
    assert escaped("see https://evil.example, WWW.evil.example") == "see https\\://evil.example, WWW\\.evil.example"
    markdown_it = pytest.importorskip("markdown_it")
    html = markdown_it.MarkdownIt("commonmark").render(escaped("https://evil.example www.evil.example"))
    assert html == "<p>https://evil.example www.evil.example</p>\n"


def _text(html: str) -> str:
    import html as entities

    return entities.unescape(re.sub(r"<[^>]*>", "", html)).removesuffix("\n")


def test_names_of_files_read_well() -> None:
    assert (
        escaped("adapter_checkpoint/adapter_model.bin is 12.5 MB") == "adapter_checkpoint/adapter_model.bin is 12.5 MB"
    )
    assert escaped("no `run_*.sh` here") == "no `run_*.sh` here"
