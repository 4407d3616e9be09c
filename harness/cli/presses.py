"""Counts how often the user asked to end, instead of raising: work goes on in threads until it is told."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_AT_ONCE = 2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def counted_presses() -> Iterator[Callable[[], int]]:
    """Give a function that tells how often Ctrl-C was pressed in the block; a signal to terminate counts for two."""
    count = 0

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1 if number == signal.SIGINT else _AT_ONCE

    taken = (one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN)  # as nohup has it
    before = {number: signal.signal(number, press) for number in taken}
    try:
        yield lambda: count
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
