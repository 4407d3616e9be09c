"""Puts things into the words of messages."""

from __future__ import annotations

from collections.abc import Sequence


def a_few(things: Sequence[object], *, most: int = 3) -> str:
    """Name the first things and count the others."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more
