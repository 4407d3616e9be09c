"""Reads the events of an image build: what to show, and why it failed. Must not talk to an engine."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import EnvironmentFault

KEPT_LINES = 15
SHOWN_CHARS = 100
_STEP = re.compile(r"Step \d+/\d+ : (?P<first>\w+)")
_MADE = re.compile(r" ---> ([0-9a-f]{12,64})$")
_NOISE = re.compile(r" ---> |Removing intermediate container ")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REMEDIES = (
    (
        r"[Nn]o space left on device",
        "Free disk space for the engine (cpu needs about 8 GB while it builds, cuda about 40 GB), then build again",
    ),
    (
        r"Temporary failure resolving|Could not resolve|Unable to connect|Could not connect|Failed to fetch",
        "The build needs Debian's package mirror: let containers reach the network, then build again",
    ),
    (r"must bring Python 3\.11", "Choose a base of Debian bookworm with --base"),
    (r"DO NOT MATCH THE HASHES", "Empty the wheel cache (--cache-dir) and build again"),
)


@dataclass(slots=True, kw_only=True)
class BuildLog:
    """What is kept of a build while it runs: the step it is at, that step's last lines, and an error.

    `stages` are the short ids of the images in which the stages before the last one ended.
    """

    step: str = ""
    stages: list[str] = field(default_factory=list)
    made: str = ""
    error: str | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    def feed(self, event: Mapping[str, Any]) -> str | None:
        """Take one event of the engine; give the line to show when a new step begins."""
        if "error" in event:
            self.error = str(event["error"]).strip()
        shown = None
        for line in _COLOUR.sub("", str(event.get("stream", ""))).splitlines():
            if step := _STEP.match(line):
                self.step = shown = _shorten(line)
                self.lines.clear()
                if step["first"] == "FROM" and self.made:
                    self.stages.append(self.made)
            elif made := _MADE.match(line):
                self.made = made[1]
            elif line.strip() and not _NOISE.match(line):
                self.lines.append(line.rstrip())
        return shown


def build_fault(log: BuildLog) -> EnvironmentFault:
    """Turn a failed build into a fault that shows the step and its last lines."""
    tail = "\n".join(log.lines)
    message = f"The image build failed at {log.step or 'its start'}: {log.error}\nlast lines of that step:\n{tail}"
    return EnvironmentFault(message, remedy=build_remedy(f"{tail}\n{log.error}"))


def build_remedy(said: str) -> str:
    """Choose what to advise from what the build said."""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, said):
            return remedy
    return "The lines above say what went wrong in that step of the Dockerfile; mend it and build again"


def _shorten(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 1]}…"
