"""Writes texts and tables as Markdown in which nothing that a model or a data file says can act as markup."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

LONGEST = 600
"""Characters of a text that are shown."""
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = frozenset("\\`*_[]~|!$#@:")  # the colon begins addresses and emoji
_ADDRESS = re.compile(r"(?<=www)\.", re.IGNORECASE)


def escaped(text: str) -> str:
    """Show a text in one table cell as it is: lines are kept, what cannot be seen is named, much is cut short."""
    lines = (text[:LONGEST] + ("…" if len(text) > LONGEST else "")).replace("\r\n", "\n").strip().split("\n")
    return "<br>".join(_ADDRESS.sub(r"\\.", "".join(map(_shown, line))) for line in lines)


def _shown(character: str) -> str:
    if character in _ENTITIES:
        return _ENTITIES[character]
    if character in _MARKUP:
        return "\\" + character
    if unicodedata.category(character) in _UNSEEN:
        return " " if character == "\t" else f"\\[U+{ord(character):04X}\\]"
    return character


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int | None = None) -> str:
    """Give a table; columns from `numbers_from` on are set to the right. Cells must be Markdown already."""
    first = len(header) if numbers_from is None else numbers_from
    ruler = ["---" if place < first else "---:" for place in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ruler, *rows)) + "\n"


def number(value: float | None) -> str:
    """Write a figure with about four digits; `∞` where it is beyond a double, `-` where there is none."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "∞" if value > 0 else str(value)
    size = abs(value)
    return f"{value:.3e}" if size >= 1e6 else f"{value:,.{3 if size < 100 else 1}f}"


def span(value: Sequence[float] | None) -> str:
    """Write an interval."""
    return f"{number(value[0])} to {number(value[1])}" if value else "-"
