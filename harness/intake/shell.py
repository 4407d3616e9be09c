"""Splits a bash script into commands with line numbers, roughly: enough to look at, never to run. Pure.

Knows comments, quotes, joined lines, here-documents and arithmetic; does not know nesting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_MAX_CHARACTERS = 10_000
_MAX_COMMANDS = 50_000
_HERE_DOCUMENT = re.compile(r"(?<!<)<<-?\s*(?P<quote>['\"\\]?)(?P<end>\w+)")
# Stops at the next opening, so that no text is looked at twice.
_ARITHMETIC = re.compile(r"\(\((?:(?!\(\(|\)\)).)*+\)\)", re.DOTALL)
_HIDDEN = "\0"
_ENDS_JOINED = re.compile(r"(?<!\\)(?:\\\\)*\\$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One logical line of a script.

    Attributes:
        line: 1-based number of its first line.
        text: The line without comment; lines joined by a backslash are one.
        expanded: The same without what stands in single quotes, where bash replaces nothing.
        bare: As long as `text`, with a NUL for each character that is quoted, escaped or of a here-document.
    """

    line: int
    text: str
    expanded: str
    bare: str


def commands(script: str) -> tuple[Command, ...]:
    """Split a script into commands; each text and their number are bounded.

    A CR at the end of a line is taken as bash takes it: a character of the last word.
    """
    split = (one for one in _split(script) if one[1].strip(" \t"))
    return tuple(
        Command(
            line=line, text=text[:_MAX_CHARACTERS], expanded=expanded[:_MAX_CHARACTERS], bare=bare[:_MAX_CHARACTERS]
        )
        for line, text, expanded, bare in islice(split, _MAX_COMMANDS)
    )


def _split(script: str) -> Iterator[tuple[int, str, str, str]]:
    lines = iter(enumerate(script.split("\n"), start=1))
    quote = ""
    for number, line in lines:
        part, expanded_part, bare_part, quote = _scan(line, quote)
        texts, expandeds, bares = [part], [expanded_part], [bare_part]
        while quote != "'" and _ENDS_JOINED.search(texts[-1]) and (following := next(lines, None)):
            texts[-1], expandeds[-1], bares[-1] = texts[-1][:-1], expandeds[-1][:-1], bares[-1][:-1]
            part, expanded_part, bare_part, quote = _scan(following[1], quote)
            texts.append(part)
            expandeds.append(expanded_part)
            bares.append(bare_part)
        text, bare = "".join(texts), "".join(bares)
        yield number, text, "".join(expandeds), bare
        if not quote and (start := _here_document(text, bare)):
            for inner_number, inner in lines:
                if inner.strip() == start["end"]:
                    if inner.endswith("\r"):
                        yield inner_number, inner, "", inner  # no end to bash, for which the CR belongs to the word
                    break
                yield inner_number, inner, "" if start["quote"] else inner, _HIDDEN * len(inner)


def _here_document(text: str, bare: str) -> re.Match[str] | None:
    """Find the first `<<WORD` that is neither quoted nor a shift of numbers."""
    if "<<" not in bare:
        return None
    bare = _ARITHMETIC.sub(lambda found: _HIDDEN * len(found.group()), bare)
    return next((one for one in _HERE_DOCUMENT.finditer(text) if bare[one.start()] == "<"), None)


def _scan(line: str, quote: str) -> tuple[str, str, str, str]:
    """Take a line's comment off; gives its text, what bash expands of it, what is bare, and the quote still open."""
    expanded: list[str] = []
    bare: list[str] = []
    escaped = False
    for at, char in enumerate(line):
        if escaped:
            escaped = False
            expanded += () if char == "$" else char
            bare.append("\r" if char == "\r" and not quote else _HIDDEN)
            continue
        if char == "#" and not quote and (at == 0 or line[at - 1] in " \t;&|("):
            return line[:at], "".join(expanded), "".join(bare), quote
        escaped = char == "\\" and quote != "'"
        bare.append(_HIDDEN if quote or escaped or char in "'\"" else char)
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
        elif quote != "'":
            expanded.append(char)
    return line, "".join(expanded), "".join(bare), quote
