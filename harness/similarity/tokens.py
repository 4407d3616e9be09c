"""Source text as tokens that renaming, comments and layout do not change. Must not know who wrote it.

Pygments reads the language; of its tokens names become one word and literals another, so that only structure is left.
"""

import json
from dataclasses import dataclass

from pygments.lexers.python import PythonLexer
from pygments.lexers.shell import BashLexer
from pygments.token import Comment, Literal, Name, Text, Token, _TokenType

MOST_CHARACTERS = 200_000
_KEPT_NAMES = (Name.Builtin, Name.Decorator, Name.Exception, Name.Function.Magic, Name.Builtin.Pseudo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Words of one file and the 1-based line of each."""

    words: tuple[str, ...]
    lines: tuple[int, ...]


def is_read(path: str) -> bool:
    """Tell whether files of this name are compared."""
    return path.endswith((".py", ".sh", ".ipynb"))


def tokens_of(path: str, text: str) -> Tokens:
    """Read Python, bash, or the code cells of a notebook (lines are then those of the cells one below the other).

    Only the first `MOST_CHARACTERS` are read. What is no valid program gives the tokens that there are.
    """
    if path.endswith(".ipynb"):
        text = _cells(text[: 20 * MOST_CHARACTERS])
    lexer = BashLexer() if path.endswith(".sh") else PythonLexer()
    words: list[str] = []
    lines: list[int] = []
    line = 1
    shown = text[:MOST_CHARACTERS].replace("\r\n", "\n")
    for _, kind, value in lexer.get_tokens_unprocessed(shown):
        word = _word(kind, value)
        if word and not (words and word == words[-1] == "S"):
            words.append(word)
            lines.append(line)
        line += value.count("\n")
    return Tokens(words=tuple(words), lines=tuple(lines))


def _word(kind: _TokenType, value: str) -> str:
    if not value.strip() or _is_in(kind, Comment, Text, Literal.String.Doc):
        return ""
    if _is_in(kind, Literal.String):
        return "S"
    if _is_in(kind, Literal.Number):
        return "N"
    if _is_in(kind, Name) and not _is_in(kind, *_KEPT_NAMES):
        return "V"
    return "?" if _is_in(kind, Token.Error) else value.strip()


def _is_in(kind: _TokenType, *groups: _TokenType) -> bool:
    """Tell whether a token's kind is one of the groups or below it: a kind is the tuple of its names."""
    return any(kind[: len(group)] == group for group in groups)


def _cells(text: str) -> str:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    sources = (
        [one.get("source") for one in cells if isinstance(one, dict) and one.get("cell_type") == "code"]
        if isinstance(cells, list)
        else []
    )
    return "\n".join(_joined(one) for one in sources)


def _joined(source: object) -> str:
    if isinstance(source, list):
        return "".join(one for one in source if isinstance(one, str))
    return source if isinstance(source, str) else ""
