"""Plain words for what a schema wants and what a value is. Pure: knows neither files nor places."""

import json
import re
from collections.abc import Mapping
from functools import reduce
from typing import Any

from harness.language import Message, message, some, verbatim
from harness.schema.nearest import nearest
from harness.text import visible

_SHOWN = 40
_KEYS_SHOWN = 6
_KINDS = {
    "string": message("a string"),
    "integer": message("a whole number"),
    "number": message("a number"),
    "boolean": message("true or false"),
    "array": message("a list"),
    "object": message("an object"),
    "null": message("null"),
}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<="}
_UNITS = {
    "_s": message("seconds"),
    "_bytes": message("bytes"),
    "_minutes": message("minutes"),
    "_characters": message("characters"),
}
_NUMBER_LIKE = re.compile(r"-?\d[\d_,]*(?:\.\d+)?")


def seen_words(value: object) -> Message:
    """Say what a value is, in a few characters and without its insides."""
    match value:
        case None | bool():
            return verbatim(json.dumps(value))
        case str():
            return verbatim(f'"{visible(value, _SHOWN)}"') if value else message("an empty string")
        case int() | float():
            return message("the number {number}", number=visible(repr(value), _SHOWN))
        case list():
            return message("a list of {count}", count=len(value)) if value else message("an empty list")
        case dict():
            return message("an object with {keys}", keys=_keys(list(value))) if value else message("an empty object")
    return verbatim(type(value).__name__)


def _keys(names: list[str]) -> Message:
    shown = some([f"`{visible(name, _SHOWN)}`" for name in names], _KEYS_SHOWN)
    return message("the key {key}", key=shown) if len(names) == 1 else message("the keys {keys}", keys=shown)


def expected_words(schema: Mapping[str, Any]) -> Message:
    """Say what a schema wants of one value."""
    if "enum" in schema:
        return message("one of {values}", values=tuple(map(str, schema["enum"])))
    if "const" in schema:
        return verbatim(f'"{schema["const"]}"')
    if "pattern" in schema:
        if examples := schema.get("examples"):
            return message("a string such as {example}", example=json.dumps(examples[0], ensure_ascii=False))
        return message("a string like {pattern}", pattern=schema["pattern"])
    kinds = schema.get("type", [])
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    if not names:
        return message("another value")
    return reduce(_or, (_kind_words(name, schema) for name in names))


def _or(one: Message, other: Message) -> Message:
    return message("{one} or {other}", one=one, other=other)


def _kind_words(kind: str, schema: Mapping[str, Any]) -> Message:
    if kind in {"integer", "number"}:
        return _number_words(_KINDS[kind], schema)
    if kind == "string" and schema.get("minLength"):
        return message("a string that is not empty")
    if kind == "array":
        words = message("a list without repeats") if schema.get("uniqueItems") else _KINDS[kind]
        return message("{list} with at least one entry", list=words) if schema.get("minItems") else words
    return _KINDS[kind]


def _number_words(words: Message, schema: Mapping[str, Any]) -> Message:
    if "minimum" in schema and "maximum" in schema:
        return message(
            "{number} from {least:g} to {most:g}", number=words, least=schema["minimum"], most=schema["maximum"]
        )
    bounds = "".join(f" {sign} {schema[bound]:g}" for bound, sign in _BOUNDS.items() if bound in schema)
    return Message("{number}{bounds}", {"number": words, "bounds": bounds}) if bounds else words


def remedy_words(schema: Mapping[str, Any], value: object, key: str) -> Message:
    """Say what to write instead.

    Args:
        schema: What is wanted.
        value: What is there.
        key: The name of the value, whose ending tells the unit; empty for an entry of a list.
    """
    kinds = schema.get("type", [])
    if isinstance(value, str) and (hint := nearest(value, [str(one) for one in schema.get("enum", ())])):
        return message("did you mean `{name}`?", name=hint)
    if "string" in kinds and isinstance(value, int | float):
        return message("put it in quotes: {quoted}", quoted=json.dumps(visible(json.dumps(value), _SHOWN)))
    if "boolean" in kinds and isinstance(value, str):
        return message("write true or false, without quotes")
    if isinstance(value, str) and _NUMBER_LIKE.fullmatch(value) and {"number", "integer"} & {*_as_list(kinds)}:
        return message("write {number}, without quotes", number=re.sub("[_,]", "", value))
    if examples := schema.get("examples"):
        return _example_words(json.dumps(examples[0], ensure_ascii=False), key)
    if properties := schema.get("properties"):
        return message("write an object with {keys}", keys=_keys(list(properties)))
    if kinds == "null":
        return message("leave it out, or write null")
    return message("write {value}", value=expected_words(schema))


def _example_words(example: str, key: str) -> Message:
    for suffix, unit in _UNITS.items():
        if key.endswith(suffix):
            return message("write {unit}, such as {example}", unit=unit, example=example)
    return message("write something such as {example}", example=example)


def _as_list(kinds: str | list[str]) -> list[str]:
    return [kinds] if isinstance(kinds, str) else kinds
