import json

import pytest
from jsonschema import Draft202012Validator

from harness.errors import ConfigError
from harness.schema import store

FOR_PEOPLE = (
    "assignment.v1",
    "examples.v1",
    "predictions.v1",
    "receipt.v1",
    "record.v1",
    "similar.v1",
    "sketch.v1",
    "parity.v1",
)


def test_names() -> None:
    assert set(FOR_PEOPLE) <= set(store.names())
    assert list(store.names()) == sorted(store.names())


@pytest.mark.parametrize("name", store.names())
def test_each_is_a_schema_under_its_own_name(name: str) -> None:
    schema = store.load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == name
    assert json.loads(store.text(name)) == schema


def parts(schema: dict[str, object], path: str = "") -> list[tuple[str, dict[str, object]]]:
    """Every subschema that describes a value: the root, properties, definitions, rows."""
    found = [(path, schema)]
    for group in ("properties", "$defs"):
        for key, inner in schema.get(group, {}).items():  # type: ignore[attr-defined]
            found += parts(inner, f"{path}/{group}/{key}")
    rows = schema.get("items")
    if isinstance(rows, dict) and rows.get("type") == "object":
        found += parts(rows, f"{path}/items")
    return found


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_everything_has_title_and_description(name: str) -> None:
    for path, schema in parts(store.load(name)):
        assert schema.get("title") and schema.get("description"), path
        if "pattern" in schema:
            assert schema.get("examples"), f"{path}: messages name an example"


@pytest.mark.parametrize("name", store.names())
def test_no_object_is_open(name: str) -> None:
    for path, schema in parts(store.load(name)):
        if schema.get("type") == "object":
            assert "additionalProperties" in schema, path
        if "properties" in schema:
            assert schema["additionalProperties"] is False, path


@pytest.mark.parametrize("name", store.names())
def test_examples_in_a_schema_are_valid(name: str) -> None:
    for path, schema in parts(store.load(name)):
        for example in schema.get("examples", []):  # type: ignore[attr-defined]
            assert Draft202012Validator(schema, registry=store.registry()).is_valid(example), path


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"^There is no schema `record\.v2`\.$") as caught:
        store.text("record.v2")
    assert caught.value.remedy == "Did you mean `record.v1`?"
    with pytest.raises(ConfigError) as caught:
        store.load("../../etc/passwd")
    assert caught.value.remedy.startswith("Use one of assignment.v1, ")
