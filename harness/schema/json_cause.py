"""From what `json` complains of to the likely cause, in words for whoever wrote the file. Pure."""

import json
import re

from harness.language import Message, message, verbatim
from harness.text import visible

Words = tuple[Message, Message, Message]

DUMP = message("write it with json.dump(rows, file, ensure_ascii=False)")
_SHOWN = 20
_EXPECTED = {
    "Expecting value": message("a value"),
    "Expecting ',' delimiter": message("a comma or the end of the list or object"),
    "Expecting ':' delimiter": message("a colon after the key"),
    "Expecting property name enclosed in double quotes": message("a key in double quotes"),
    "Extra data": message("the end of the file"),
    "Unterminated string starting at": message("a closing quote"),
    "Invalid control character at": message("a string on one line"),
}
_PYTHON_WORD = re.compile(r"(True|False|None|nan|inf)\b")


def cause_of(text: str, error: json.JSONDecodeError) -> Words:
    """Give what was expected, what was seen, and the remedy."""
    complaint = error.msg.removesuffix(" at") if error.msg not in _EXPECTED else error.msg
    expected = _EXPECTED.get(complaint, message("valid JSON"))
    seen, remedy = _seen_and_remedy(text, error.pos, complaint)
    return expected, seen, remedy


def _seen_and_remedy(text: str, position: int, complaint: str) -> tuple[Message, Message]:
    if not text.strip():
        return message("an empty file"), DUMP
    here = text[position : position + 40]
    before = text[max(0, position - 200) : position].rstrip()
    if not here.strip():
        remedy = message("the file is cut off: let the program end well, and {write}", write=DUMP)
        return message("the end of the file"), remedy
    if complaint.startswith("Unterminated"):
        remedy = message("the file may be cut off: let the program end well, and {write}", write=DUMP)
        return message("a string that does not end"), remedy
    if complaint == "Extra data":
        return _extra(text, here)
    if complaint.startswith("Invalid control"):
        seen = message("a raw control character ({char})", char=f"U+{ord(here[0]):04X}")
        return seen, message("write it as an escape, or {write}", write=DUMP)
    if complaint.startswith("Invalid \\"):
        return verbatim(f"`{visible(here, 6)}`"), message("write a backslash as two, or {write}", write=DUMP)
    return _unexpected(here, before)


def _extra(text: str, here: str) -> tuple[Message, Message]:
    if here[0] in "[{" and text.lstrip()[0] in "[{":
        remedy = message("write one list of all rows, not one row per line: json.dump(rows, file)")
        return message("a second value (JSON lines?)"), remedy
    seen = message("more text: `{text}`", text=visible(here.splitlines()[0], _SHOWN))
    return seen, message("remove what follows the first value")


def _unexpected(here: str, before: str) -> tuple[Message, Message]:
    if here[0] in "]}," and before.endswith(","):
        return message("a comma before `{char}`", char=here[0]), message("remove the comma")
    if here[0] == "'":
        remedy = message("use double quotes; str() of a Python list is no JSON: {write}", write=DUMP)
        return message("a single quote"), remedy
    if here.startswith(("//", "#", "/*")):
        return message("a comment"), message("remove it: JSON has no comments")
    if here[0] == "<":
        return message("HTML or XML"), message("a web page was saved in place of the file")
    if word := _PYTHON_WORD.match(here):
        remedy = message("use true, false and null: {write}", write=DUMP)
        return message("Python's {word}", word=word.group()), remedy
    return verbatim(f"`{visible(here.split()[0], _SHOWN)}`"), DUMP
