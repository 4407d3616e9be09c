"""Texts that others wrote, made safe for a page: hidden characters visible, direction of writing kept inside."""

import re

from markupsafe import Markup, escape

from harness.text import visible

LINE_SHOWN = 2_000
LINES_SHOWN = 60
_CODE = re.compile(r"`([^`\n]+)`")


def inline(text: str, limit: int = 200) -> Markup:
    """Give a short text in one line; what it does to the direction of writing ends with it."""
    return Markup("<bdi>{}</bdi>").format(visible(text, limit))


def lines(text: str) -> Markup:
    """Give a text of some lines, for an element that keeps them."""
    shown = text.split("\n")
    kept = "\n".join(visible(line, LINE_SHOWN) for line in shown[:LINES_SHOWN])
    return escape(kept + ("\n…" if len(shown) > LINES_SHOWN else ""))


def prose(text: str) -> Markup:
    """Give a text of some lines in which `words` in backticks are code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(lines(text))))
