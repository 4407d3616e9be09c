"""Shows progress to the person at the terminal. Must not know what is going on."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """Print one line to stderr at once; stdout stays free for results."""
    print(message, file=sys.stderr, flush=True)
