"""Splits a bash script into commands with line numbers, roughly: enough to look at, never to run. Pure.

Knows comments, quotes, joined lines and here-documents; does not know nesting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_CHARACTERS = 10_000
_HERE_DOCUMENT = re.compile(r"(?<!<)<<-?\s*(?P<quote>['\"\\]?)(?P<end>\w+)")
_ENDS_JOINED = re.compile(r"(?<!\\)(?:\\\\)*\\$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One logical line of a script.

    Attributes:
        line: 1-based number of its first line.
        text: The line without comment; lines joined by a backslash are one.
        expanded: The same without what stands in single quotes, where bash replaces nothing.
    """

    line: int
    text: str
    expanded: str


def commands(script: str) -> tuple[Command, ...]:
    """Split a script, its line ends already LF, into commands. Each text is bounded."""
    return tuple(
        Command(line=line, text=text[:_MAX_CHARACTERS], expanded=expanded[:_MAX_CHARACTERS])
        for line, text, expanded in _split(script)
        if text.strip()
    )


def _split(script: str) -> Iterator[tuple[int, str, str]]:
    lines = iter(enumerate(script.split("\n"), start=1))
    quote = ""
    for number, line in lines:
        part, expanded_part, quote = _scan(line, quote)
        texts, expandeds = [part], [expanded_part]
        while quote != "'" and _ENDS_JOINED.search(texts[-1]) and (following := next(lines, None)):
            texts[-1], expandeds[-1] = texts[-1][:-1], expandeds[-1][:-1]
            part, expanded_part, quote = _scan(following[1], quote)
            texts.append(part)
            expandeds.append(expanded_part)
        text = "".join(texts)
        yield number, text, "".join(expandeds)
        if not quote and (start := _HERE_DOCUMENT.search(text)):
            for inner_number, inner in lines:
                if inner.strip() == start["end"]:
                    break
                yield inner_number, inner, "" if start["quote"] else inner


def _scan(line: str, quote: str) -> tuple[str, str, str]:
    """Take a line's comment off; gives its text, what bash expands of it, and the quote open at its end."""
    expanded: list[str] = []
    escaped = False
    for at, char in enumerate(line):
        if escaped:
            escaped = False
            expanded += () if char == "$" else char
            continue
        if char == "#" and not quote and (at == 0 or line[at - 1] in " \t;&|("):
            return line[:at], "".join(expanded), quote
        escaped = char == "\\" and quote != "'"
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
        elif quote != "'":
            expanded.append(char)
    return line, "".join(expanded), quote
