"""Tells several takers of what happens, so that none of them can cost a grade. Must not know what they do."""

import contextlib

from harness.model.event import Event, OnEvent


def tell_all(*takers: OnEvent) -> OnEvent:
    """Give a function that tells all of them. One that raises is told no more: a terminal that is gone, a full disk."""
    left = list(takers)

    def tell(event: Event) -> None:
        for take in tuple(left):
            try:
                take(event)
            except (Exception, SystemExit):  # rich ends the process where its pipe is closed
                with contextlib.suppress(ValueError):  # another thread was first
                    left.remove(take)

    return tell
