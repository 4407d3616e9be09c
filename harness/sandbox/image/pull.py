"""Follows a pull and tells a registry that does not answer from one that says no. Must not talk to an engine itself."""

import queue
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.errors import ConfigError

FIRST_WORD_TIMEOUT_S = 20.0
SILENCE_TIMEOUT_S = 180.0
_UNREACHABLE = re.compile(r"no such host|\blookup \S+|dial tcp|server misbehaving|i/o timeout", re.IGNORECASE)
_REFUSED = re.compile(
    r"not found|manifest unknown|denied|unauthorized|does not exist|invalid reference|no matching manifest",
    re.IGNORECASE,
)

Event = Mapping[str, Any]


class NoRegistryError(Exception):
    """No registry answered in time, or it could not serve anyone just now; the message says which."""


def follow_pull(
    start: Callable[[], Iterable[Event]],
    reference: str,
    *,
    progress: Callable[[str], None],
    first_word_timeout_s: float = FIRST_WORD_TIMEOUT_S,
    silence_timeout_s: float = SILENCE_TIMEOUT_S,
) -> None:
    """Read the events of a pull to their end.

    The engine itself waits minutes for a silent registry, so the pull runs in a thread of its own that is left behind
    when its time is up; the engine ends it by itself.

    Args:
        start: Starts the pull and yields the engine's events; a failure comes as an event with the key ``error``.
        reference: Name of the image, for messages.
        progress: Gets one line for each new state.
        first_word_timeout_s: How long the registry may take to answer at all.
        silence_timeout_s: How long it may be silent after that.

    Raises:
        NoRegistryError: Nothing was heard in time, or the registry cannot be reached.
        ConfigError: The registry answers, and says that there is no such image for us.
    """
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
    threading.Thread(target=_forward, args=(start, events), daemon=True).start()
    patience_s = first_word_timeout_s
    while (event := _next(events, patience_s)) is not None:
        if "error" in event:
            raise pull_failure(str(event["error"]), reference)
        if "progress" not in event and (status := event.get("status")):
            progress(f"base: {status}")
        patience_s = silence_timeout_s


def pull_failure(message: str, reference: str) -> NoRegistryError | ConfigError:
    """Tell a registry that cannot be reached from one that has no such image."""
    if _REFUSED.search(message) and not _UNREACHABLE.search(message):
        return ConfigError(
            f"The registry answers but does not give the base {reference}: {message}",
            remedy="Check the name given with --base, and `docker login` if it is private",
        )
    return NoRegistryError(message)


def _forward(start: Callable[[], Iterable[Event]], events: "queue.SimpleQueue[Event | None]") -> None:
    try:
        for event in start():
            events.put(event)
    finally:
        events.put(None)


def _next(events: "queue.SimpleQueue[Event | None]", patience_s: float) -> Event | None:
    try:
        return events.get(timeout=patience_s)
    except queue.Empty:
        raise NoRegistryError(f"nothing heard from it for {patience_s:g} s") from None
