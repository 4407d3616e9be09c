"""Tells the person at the terminal: lines, progress, a few of many names. Must not know what is going on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Self

LINES = 10
"""About how many lines a run prints where no terminal shows a bar."""


def say(message: str) -> None:
    """Print one line to stderr at once, the first process alone where there are several; stdout is for results."""
    if os.environ.get("RANK", "0") == "0":
        complain(message)


def complain(message: str) -> None:
    """Print one line to stderr, whichever process it is; in one piece, for others may print at the same time."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def a_few(things: Sequence[object], *, most: int = 3) -> str:
    """Name the first things and count the others."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more


class Progress:
    """Shows how many of a number of things are done: a bar, or lines where nobody looks at a terminal.

    Args:
        total: All of them.
        done: Those that an earlier run did.
        verb: What is done to them, in the past tense.
    """

    def __init__(self, total: int, *, done: int = 0, verb: str) -> None:
        from tqdm import tqdm

        self._total, self._done, self._begun, self._verb = total, done, done, verb
        self._tokens = 0
        self._started_s = time.monotonic()
        shown = sys.stderr.isatty()
        self._bar = tqdm(total=total, initial=done, unit="row", desc=verb, disable=not shown, dynamic_ncols=True)

    def add(self, tokens: int) -> None:
        """Count one more that is done, and its tokens."""
        self._done += 1
        self._tokens += tokens
        seconds = time.monotonic() - self._started_s
        speed = f"{self._tokens / max(seconds, 1e-9):,.0f} tokens/s"
        self._bar.set_postfix_str(speed, refresh=False)
        self._bar.update()
        if self._bar.disable and (self._done % max(1, self._total // LINES) == 0 or self._done == self._total):
            left_s = seconds / (self._done - self._begun) * (self._total - self._done)
            left = f"about {left_s:.0f} s left" if left_s else "all done"
            say(f"{self._done}/{self._total} {self._verb}  {speed}  {seconds:.0f} s, {left}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is, so that lines may follow, also after Ctrl-C."""
        self._bar.close()
