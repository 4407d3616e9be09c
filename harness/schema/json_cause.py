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
_COMMA = "Expecting ',' delimiter"
_KEY = "Expecting property name enclosed in double quotes"
_NAME = re.compile(r"[A-Za-z_]\w{0,30}(?=\s*:)")
_MARKS = {
    **dict.fromkeys(
        "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{FULLWIDTH QUOTATION MARK}「」", '"'
    ),
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", '"'),
    **dict(zip("，、：［］｛｝【】", ",,:[]{}[]", strict=True)),
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
    if not before and here[0].isalpha():
        return _no_json(text, here)
    return _mark(here) or _missing(here, before, complaint) or _unexpected(here, before)


def _no_json(text: str, here: str) -> tuple[Message, Message]:
    """Say what begins with a word: mostly output of a program in front of the data, or another format."""
    head = text[:2_000].lstrip().partition("\n")[0]
    if word := _PYTHON_WORD.match(here):
        return _python_word(word.group())
    if "," in head and "{" not in head and "[" not in head:
        return message("CSV"), message("write JSON, a list of objects: json.dump(rows, file, ensure_ascii=False)")
    seen = verbatim(f"`{visible(here.split()[0], _SHOWN)}`")
    if "[" in text:
        return seen, message("write nothing but JSON into the file: what is printed goes to the terminal")
    return seen, DUMP


def _mark(here: str) -> tuple[Message, Message] | None:
    """Say which mark of Chinese or typeset text stands in place of the one that JSON has."""
    if here[0] not in _MARKS:
        return None
    seen = message("the character `{char}` (U+{code})", char=here[0], code=f"{ord(here[0]):04X}")
    return seen, message("write {char} in its place", char=f"`{_MARKS[here[0]]}`")


def _missing(here: str, before: str, complaint: str) -> tuple[Message, Message] | None:
    """Say what is missing before `here`, if that is clear."""
    seen = verbatim(f"`{visible(here.split()[0], _SHOWN)}`")
    if complaint == _COMMA and here[0] in '{["' and before[-1:] in ('"', "}", "]"):
        return seen, message("put a comma before it")
    if complaint == _COMMA and before.endswith('"'):
        remedy = message("a quote inside a text is written as {escaped}: {write}", escaped='`\\"`', write=DUMP)
        return seen, remedy
    if complaint == _KEY and (name := _NAME.match(here)):
        return seen, message("put the key in double quotes: {key}", key=f'"{name.group()}"')
    return None


def _extra(text: str, here: str) -> tuple[Message, Message]:
    if here[0] in "[{" and text.lstrip()[0] in "[{":
        if here[0] == "[" and text.lstrip()[0] == "[" and text.lstrip()[1:].lstrip()[:1] == "{":
            return message("a second list"), message('the file was written twice: open it with "w", not with "a"')
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
    if here[0] == "(":
        return message("a round bracket"), message("JSON has lists in square brackets alone: {write}", write=DUMP)
    if word := _PYTHON_WORD.match(here):
        return _python_word(word.group())
    return verbatim(f"`{visible(here.split()[0], _SHOWN)}`"), DUMP


def _python_word(word: str) -> tuple[Message, Message]:
    return message("Python's {word}", word=word), message("use true, false and null: {write}", write=DUMP)
