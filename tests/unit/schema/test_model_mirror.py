"""The dataclasses of the model against the schemas: names in order, required or default, types, recursively."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from harness.language import Message
from harness.model.assignment import Assignment, Example
from harness.model.download import Recording
from harness.model.extension import Extension
from harness.model.parity import Parity
from harness.model.result import Receipt, Record
from harness.model.run import Run
from harness.model.similar import Similarity
from harness.model.sketch import AdapterSketch
from harness.sandbox.cause import Cause
from harness.schema import store
from harness.schema.decode import encode
from harness.schema.wordings import WORDINGS

JSON_TYPES = {str: "string", Message: "string", int: "integer", float: "number", bool: "boolean"}
PAIRS = [
    (Assignment, store.load("assignment.v1")),
    (Record, store.load("record.v1")),
    (Receipt, store.load("receipt.v1")),
    (Recording, store.load("download.v1")),
    (Run, store.load("run.v1")),
    (Similarity, store.load("similar.v1")),
    (Parity, store.load("parity.v1")),
    (AdapterSketch, store.load("sketch.v1")),
    (Example, store.load("examples.v1")["items"]),
    (Extension, store.load("extensions.v1")["$defs"]["extension"]),
]


def differences(cls: type, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    hints = get_type_hints(cls)
    named = {one.name: one for one in fields(cls)}
    # How texts can be said in other languages is kept with the texts themselves: they are messages.
    known = [name for name in schema["properties"] if name != WORDINGS]
    if known != list(named):
        yield f"{cls.__name__}: {list(named)} against {known}"
        return
    required = [name for name, one in named.items() if name == "schema" or not has_default(one)]
    if schema["required"] != required:
        yield f"{cls.__name__}: required {required} against {schema['required']}"
    for name, one in named.items():
        part = schema["properties"][name]
        if has_default(one) and name != "schema" and part.get("default", MISSING) != encode(one.default):
            yield f"{cls.__name__}.{name}: default {one.default!r} against {part.get('default')!r}"
        yield from (f"{cls.__name__}.{name}: {text}" for text in type_differences(hints[name], part, root))


def has_default(one: "Field[Any]") -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def type_differences(hint: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if "$ref" in schema:
        name, _, part = schema["$ref"].partition("#/$defs/")
        root = store.load(name) if name else root
        schema = root["$defs"][part] if part else root
    if origin in {Union, UnionType}:
        (inner,) = (one for one in arguments if one is not NoneType)
        yield from type_differences(inner, without_null(schema), root)
    elif is_dataclass(hint) and isinstance(hint, type):
        yield from differences(hint, schema, root)
    elif origin is tuple:
        assert schema["type"] == "array"
        yield from type_differences(arguments[0], schema["items"], root)
    elif origin is dict:
        assert schema["type"] == "object"
        yield from type_differences(arguments[1], schema["additionalProperties"], root)
    elif origin is Literal and len(arguments) == 1:
        if schema.get("const") != arguments[0]:
            yield f"{arguments} against {schema}"
    elif origin is Literal or issubclass(hint, Enum):
        values = list(arguments) or [one.value for one in hint]
        if schema.get("enum") != values:
            yield f"{values} against {schema.get('enum')}"
    elif schema.get("type") != JSON_TYPES[hint] and not (hint is str and "enum" in schema):
        yield f"{hint.__name__} against {schema.get('type')}"


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        inner, null = schema["anyOf"]
        assert null == {"type": "null"}
        return dict(inner)
    kind, null = schema["type"]
    assert null == "null"
    return {**schema, "type": kind}


@pytest.mark.parametrize(("cls", "schema"), PAIRS, ids=lambda one: getattr(one, "__name__", ""))
def test_dataclasses_mirror_their_schema(cls: type, schema: dict[str, Any]) -> None:
    assert list(differences(cls, schema, schema)) == []


def test_the_comparison_sees_each_kind_of_difference() -> None:
    schema = store.load("receipt.v1")
    properties = schema["properties"]
    for wrong in (
        {**schema, "required": schema["required"][1:]},
        {**schema, "properties": dict(reversed(properties.items()))},
        {**schema, "properties": {**properties, "duration_s": {"type": "integer"}}},
    ):
        assert list(differences(Receipt, wrong, wrong))


def test_causes_are_the_sandbox_s() -> None:
    assert store.load("receipt.v1")["properties"]["cause"]["enum"] == [one.value for one in Cause]
