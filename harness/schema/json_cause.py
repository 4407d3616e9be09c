"""From what `json` complains of to the likely cause, in words for whoever wrote the file. Pure."""

import json
import re

from harness.text import visible

Words = tuple[str, str, str]

DUMP = "write it with json.dump(rows, file, ensure_ascii=False)"
_SHOWN = 20
_EXPECTED = {
    "Expecting value": "a value",
    "Expecting ',' delimiter": "a comma or the end of the list or object",
    "Expecting ':' delimiter": "a colon after the key",
    "Expecting property name enclosed in double quotes": "a key in double quotes",
    "Extra data": "the end of the file",
    "Unterminated string starting at": "a closing quote",
    "Invalid control character at": "a string on one line",
}
_PYTHON_WORD = re.compile(r"(True|False|None|nan|inf)\b")


def cause_of(text: str, error: json.JSONDecodeError) -> Words:
    """Give what was expected, what was seen, and the remedy."""
    message = error.msg.removesuffix(" at") if error.msg not in _EXPECTED else error.msg
    expected = _EXPECTED.get(message, "valid JSON")
    seen, remedy = _seen_and_remedy(text, error.pos, message)
    return expected, seen, remedy


def _seen_and_remedy(text: str, position: int, message: str) -> tuple[str, str]:
    if not text.strip():
        return "an empty file", DUMP
    here = text[position : position + 40]
    before = text[max(0, position - 200) : position].rstrip()
    if not here.strip():
        return "the end of the file", f"the file is cut off: let the program end well, and {DUMP}"
    if message.startswith("Unterminated"):
        return "a string that does not end", f"the file may be cut off: let the program end well, and {DUMP}"
    if message == "Extra data":
        return _extra(text, here)
    if message.startswith("Invalid control"):
        return f"a raw control character (U+{ord(here[0]):04X})", f"write it as an escape, or {DUMP}"
    if message.startswith("Invalid \\"):
        return f"`{visible(here, 6)}`", f"write a backslash as two, or {DUMP}"
    return _unexpected(here, before)


def _extra(text: str, here: str) -> tuple[str, str]:
    if here[0] in "[{" and text.lstrip()[0] in "[{":
        return "a second value (JSON lines?)", "write one list of all rows, not one row per line: json.dump(rows, file)"
    return f"more text: `{visible(here.splitlines()[0], _SHOWN)}`", "remove what follows the first value"


def _unexpected(here: str, before: str) -> tuple[str, str]:
    if here[0] in "]}," and before.endswith(","):
        return f"a comma before `{here[0]}`", "remove the comma"
    if here[0] == "'":
        return "a single quote", f"use double quotes; str() of a Python list is no JSON: {DUMP}"
    if here.startswith(("//", "#", "/*")):
        return "a comment", "remove it: JSON has no comments"
    if here[0] == "<":
        return "HTML or XML", "a web page was saved in place of the file"
    if word := _PYTHON_WORD.match(here):
        return f"Python's {word.group()}", f"use true, false and null: {DUMP}"
    return f"`{visible(here.split()[0], _SHOWN)}`", DUMP
