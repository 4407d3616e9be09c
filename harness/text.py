"""Words in messages: text that a student controls, made safe to show in a terminal or a record, and sizes."""

import unicodedata

SHOWN = 400


def visible(text: str, limit: int = SHOWN) -> str:
    """Cut to `limit` characters and write control, format and bidirectional characters as escapes."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return shown if shown.isprintable() else "".join(_escape(char) for char in shown)


def in_mb(count: int) -> str:
    """Write a size in bytes, or a limit, in MB."""
    return f"{count / 1e6:g} MB"


def _escape(char: str) -> str:
    if char == "\t":
        return "    "
    hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return char.encode("unicode_escape", "surrogatepass").decode() if hidden else char
