"""What a JSON Schema allows, in words for one cell of a table."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

# Shown elsewhere: in the other cells of the row, in the page's head, or in tables of their own.
ELSEWHERE = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "default"})
ELSEWHERE |= {"properties", "required", "additionalProperties", "if", "then", "else"}
ELSEWHERE |= {"x-otherNames"}  # names that people write instead, which messages know: they are no rule
BOUNDS: Mapping[str, Callable[[Any], str]] = {
    "minimum": lambda value: f"at least {value}",
    "exclusiveMinimum": lambda value: f"above {value}",
    "maximum": lambda value: f"at most {value}",
    "minLength": lambda value: "not empty" if value == 1 else f"at least {value} characters",
    "maxLength": lambda value: f"at most {value} characters",
    "minItems": lambda value: "not empty" if value == 1 else f"at least {value} entries",
    "maxItems": lambda value: f"at most {value} entries",
    "maxProperties": lambda value: f"at most {value} keys",
    "uniqueItems": lambda value: "no entry twice",
    "pattern": lambda value: f"matches {_code(value)}",
    "format": lambda value: {"regex": "a regular expression", "date-time": "ISO 8601"}[value],
    "contentEncoding": lambda value: f"in {value}",
    "propertyNames": lambda value: f"keys of {BOUNDS['maxLength'](value['maxLength'])}",
}
# Patterns that read better as words; they say all about the length, too.
PATTERNS: Mapping[str, str] = {
    "^[0-9a-f]{64}$": "64 hexadecimal digits",
    r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$": "ISO 8601 with an offset",
    r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?$": "ISO 8601",
}
BASES = frozenset({"$ref", "const", "enum", "anyOf", "type", "items"})


def type_words(schema: Schema, *, cell: bool = True) -> str:
    """Say what a value may be.

    Args:
        schema: Of the value.
        cell: Whether the words stand in a table, where a bar has to be escaped.

    Raises:
        ValueError: The schema uses a keyword that these words do not tell.
    """
    if unknown := schema.keys() - ELSEWHERE - BOUNDS.keys() - BASES:
        raise ValueError(f"docs/generate/types.py has no words for {', '.join(sorted(unknown))}")
    words = ", ".join([_base(schema), *_bounds(schema)])
    return words.replace("|", "\\|") if cell else words


def condition_words(schema: Schema) -> str:
    """Say what a schema's if, then and else want of its fields."""
    when, then, other = (_fields(schema[key]) for key in ("if", "then", "else"))
    return f"If {when}, then {then}; else {other}."


def _bounds(schema: Schema) -> Iterator[str]:
    if known := PATTERNS.get(schema.get("pattern", "")):
        yield known
        return
    yield from (say(schema[key]) for key, say in BOUNDS.items() if key in schema)


def _base(schema: Schema) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "const" in schema:
        return _code(json.dumps(schema["const"]))
    if "enum" in schema:
        return "one of " + ", ".join(_code(json.dumps(value)) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(type_words(one, cell=False) for one in schema["anyOf"])
    if "type" not in schema:
        return "anything"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_kind(kind, schema) for kind in kinds)


def _kind(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list of ({type_words(schema['items'], cell=False)})" if "items" in schema else "list"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, Mapping):
        return f"object of names to ({type_words(values, cell=False)})"
    return kind


def _link(reference: str) -> str:
    """Give the link that a reference is: `#/$defs/late`, `receipt.v1`, or `extensions.v1#/$defs/extension`."""
    page, _, inside = reference.partition("#/$defs/")
    return f"[{inside or page}]({page and page + '.md'}{inside and '#' + inside.lower()})"


def _fields(schema: Schema) -> str:
    return " and ".join(f"`{name}` is {type_words(part, cell=False)}" for name, part in schema["properties"].items())


def _code(text: str) -> str:
    return f"`{text}`"
