"""Reads YAML with the types of JSON alone, and notes where each value stands. Knows no schema.

Other than YAML 1.1, `yes`, `no`, dates, `1_000` and `010` are strings. Keys are strings and stand once; aliases,
tags and infinite numbers are refused.
"""

import math
import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from harness.language import Message, message, verbatim
from harness.schema.json_text import DEEPEST, MOST_DIGITS
from harness.schema.position import LineColumn, Place, child, line_column
from harness.schema.problem import DocumentError, Problem
from harness.text import visible

MOST_CHARACTERS = 1_000_000
_TAG = "tag:yaml.org,2002:"
_SHOWN = 40
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
Places = dict[str, Place]


class _Resolver(BaseResolver):
    """Types of JSON by the look of a plain word."""


_Resolver.add_implicit_resolver(f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Resolver.add_implicit_resolver(f"{_TAG}bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
_Resolver.add_implicit_resolver(f"{_TAG}int", _INT, list("-0123456789"))
_Resolver.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-.0123456789"))


class _RefusedError(Exception):
    """Valid YAML, but not for us."""

    def __init__(self, mark: Any, expected: Message, seen: Message, remedy: Message) -> None:
        super().__init__(seen)
        self.place = _place(mark)
        self.words = (expected, seen, remedy)


class _Composer(Reader, Scanner, Parser, Composer, _Resolver):
    """PyYAML's own parts, without the one that makes Python objects."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self.depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose a node, unless it is an alias or too deep."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            seen = message("the alias `*{name}`", name=visible(str(event.anchor), _SHOWN))
            remedy = message("write the value out, or quote the text")
            raise _RefusedError(event.start_mark, message("a value"), seen, remedy)
        if self.depth >= DEEPEST and isinstance(event, yaml.CollectionStartEvent):
            levels = message("at most {count} levels of lists and mappings", count=DEEPEST)
            raise _RefusedError(event.start_mark, levels, message("one more"), message("write it flatter"))
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def parse_yaml(text: str, name: str) -> tuple[Any, Places]:
    """Give the data of a YAML text and the places of its values by JSON pointer.

    Raises:
        DocumentError: It is no such text.
    """
    places: Places = {}
    try:
        node = _compose(text)
        return _build(node, "", None, places), places
    except _RefusedError as refused:
        raise DocumentError(Problem(name, *refused.place, "", *refused.words)) from None
    except ReaderError as error:
        place = line_column(text, int(error.position))
        seen = message("the character {char}", char=f"U+{ord(text[int(error.position)]):04X}")
        raise DocumentError(Problem(name, *place, "", message("printable text"), seen, message("remove it"))) from None
    except yaml.MarkedYAMLError as error:
        raise DocumentError(_syntax(error, name)) from None


def _compose(text: str) -> Node:
    if len(text) > MOST_CHARACTERS:
        seen, remedy = message("{count} characters", count=len(text)), message("keep large data in JSON files")
        raise _RefusedError(None, message("at most {count} characters of YAML", count=MOST_CHARACTERS), seen, remedy)
    node = _Composer(text).get_single_node()
    if node is None:
        raise _RefusedError(None, message("a mapping"), message("an empty file"), message("write `key: value` lines"))
    return node


def _place(mark: Any) -> LineColumn:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _build(node: Node, pointer: str, key: LineColumn | None, places: Places) -> Any:
    places[pointer] = Place(key=key, value=_place(node.start_mark))
    match node:
        case MappingNode(tag="tag:yaml.org,2002:map"):
            return _build_mapping(node, pointer, places)
        case SequenceNode(tag="tag:yaml.org,2002:seq"):
            return [_build(one, child(pointer, index), None, places) for index, one in enumerate(node.value)]
        case ScalarNode():
            return _scalar(node)
    raise _tag(node)


def _build_mapping(node: MappingNode, pointer: str, places: Places) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode) or key.tag != f"{_TAG}str":
            seen = message("a list or mapping")
            if isinstance(key, ScalarNode):
                seen = verbatim(f"`{visible(str(key.value), _SHOWN)}`")
            raise _RefusedError(key.start_mark, message("a string as key"), seen, message("put the key in quotes"))
        if key.value in members:
            seen = message("{what} for the second time", what=f"`{visible(key.value, _SHOWN)}`")
            raise _RefusedError(key.start_mark, message("each key once"), seen, message("remove one of the two"))
        members[key.value] = _build(value, child(pointer, key.value), _place(key.start_mark), places)
    return members


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    match node.tag.removeprefix(_TAG):
        case "str":
            return str(node.value)
        case "null":
            return None
        case "bool":
            return bool(node.value.lower() == "true")
        case "int" if _INT.match(node.value):
            return int(node.value) if len(node.value) <= MOST_DIGITS else _finite(node)
        case "float" if _FLOAT.match(node.value):
            return _finite(node)
    raise _tag(node)


def _finite(node: ScalarNode) -> float:
    value = float(node.value)
    if math.isinf(value) or len(node.value) > MOST_DIGITS:
        most, seen = message("a number below {most}", most="1e308"), verbatim(visible(node.value, _SHOWN))
        raise _RefusedError(node.start_mark, most, seen, message("write a smaller number"))
    return value


def _tag(node: Node) -> _RefusedError:
    seen = message("the tag {tag}", tag=visible(node.tag.replace(_TAG, "!!"), _SHOWN))
    remedy = message("remove the tag; quote the text if it is one")
    return _RefusedError(node.start_mark, message("a plain value"), seen, remedy)


def _syntax(error: yaml.MarkedYAMLError, name: str) -> Problem:
    seen = verbatim(error.problem) if error.problem else message("something else")
    if "'\\t'" in seen:
        remedy = message("indent with spaces")
    elif "mapping values" in seen:
        seen = message("a second colon or a wrong indentation")
        remedy = message("quote a text that holds `: `, and check indentation")
    elif "single document" in (error.context or ""):
        seen, remedy = message("a second document"), message("remove the line `---`")
    else:
        remedy = message("check indentation, quotes and brackets here and in the line above")
    return Problem(name, *_place(error.problem_mark or error.context_mark), "", message("valid YAML"), seen, remedy)
