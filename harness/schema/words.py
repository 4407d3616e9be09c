"""Plain words for what a schema wants and what a value is. Pure: knows neither files nor places."""

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.schema.nearest import nearest
from harness.text import visible

_SHOWN = 40
_KEYS_SHOWN = 6
_KINDS = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<="}
_UNITS = {"_s": "seconds", "_bytes": "bytes", "_minutes": "minutes", "_characters": "characters"}
_NUMBER_LIKE = re.compile(r"-?\d[\d_,]*(?:\.\d+)?")


def seen_words(value: object) -> str:
    """Say what a value is, in a few characters and without its insides."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return f'"{visible(value, _SHOWN)}"' if value else "an empty string"
        case int() | float():
            return f"the number {visible(repr(value), _SHOWN)}"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case dict():
            return f"an object with {_keys(list(value))}" if value else "an empty object"
    return type(value).__name__


def _keys(names: list[str]) -> str:
    shown = ", ".join(f"`{visible(name, _SHOWN)}`" for name in names[:_KEYS_SHOWN])
    more = f" and {len(names) - _KEYS_SHOWN} more" if len(names) > _KEYS_SHOWN else ""
    return ("the key " if len(names) == 1 else "the keys ") + shown + more


def expected_words(schema: Mapping[str, Any]) -> str:
    """Say what a schema wants of one value."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "pattern" in schema:
        examples = schema.get("examples")
        shown = f"such as {json.dumps(examples[0], ensure_ascii=False)}" if examples else f"like {schema['pattern']}"
        return f"a string {shown}"
    kinds = schema.get("type", [])
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    return " or ".join(_kind_words(name, schema) for name in names) or "another value"


def _kind_words(kind: str, schema: Mapping[str, Any]) -> str:
    words = _KINDS[kind]
    if kind in {"integer", "number"}:
        return f"{words}{_bounds(schema)}"
    if kind == "string" and schema.get("minLength"):
        return f"{words} that is not empty"
    if kind == "array":
        different = " without repeats" if schema.get("uniqueItems") else ""
        return words + different + (" with at least one entry" if schema.get("minItems") else "")
    return words


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']:g} to {schema['maximum']:g}"
    return "".join(f" {sign} {schema[bound]:g}" for bound, sign in _BOUNDS.items() if bound in schema)


def remedy_words(schema: Mapping[str, Any], value: object, key: str) -> str:
    """Say what to write instead.

    Args:
        schema: What is wanted.
        value: What is there.
        key: The name of the value, whose ending tells the unit; empty for an entry of a list.
    """
    kinds = schema.get("type", [])
    if isinstance(value, str) and (hint := nearest(value, [str(one) for one in schema.get("enum", ())])):
        return f"did you mean `{hint}`?"
    if "string" in kinds and isinstance(value, int | float):
        return f"put it in quotes: {json.dumps(visible(json.dumps(value), _SHOWN))}"
    if "boolean" in kinds and isinstance(value, str):
        return "write true or false, without quotes"
    if isinstance(value, str) and _NUMBER_LIKE.fullmatch(value) and {"number", "integer"} & {*_as_list(kinds)}:
        return f"write {re.sub('[_,]', '', value)}, without quotes"
    if examples := schema.get("examples"):
        unit = next((f"{unit}, " for suffix, unit in _UNITS.items() if key.endswith(suffix)), "something ")
        return f"write {unit}such as {json.dumps(examples[0], ensure_ascii=False)}"
    if properties := schema.get("properties"):
        return f"write an object with {_keys(list(properties))}"
    return "leave it out, or write null" if kinds == "null" else f"write {expected_words(schema)}"


def _as_list(kinds: str | list[str]) -> list[str]:
    return [kinds] if isinstance(kinds, str) else kinds
