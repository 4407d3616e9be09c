"""Guesses which of the known words a mistyped one was meant to be. Knows nothing of schemas."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 60  # difflib is quadratic; nobody mistypes a longer word


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that is closest to `word`, or None if none is close."""
    if len(word) > _LONGEST:
        return None
    matches = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
