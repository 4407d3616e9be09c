"""Finds the JSON Schemas that ship with the package. Must not know what a schema is used for."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from harness.errors import ConfigError
from harness.schema.nearest import nearest

_PACKAGE = Path(__file__).resolve().parents[1]
# The wheel carries the schemas inside the package; in a source checkout they lie beside it.
_FOLDERS = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")


@cache
def names() -> tuple[str, ...]:
    """Give the names of all schemas, sorted, such as ``record.v1``."""
    return tuple(sorted(path.stem for path in _folder().glob("*.json")))


@cache
def text(name: str) -> str:
    """Give the schema as it is written.

    Raises:
        ConfigError: There is no schema of this name.
    """
    if name not in names():
        hint = nearest(name, names())
        raise ConfigError(
            f"There is no schema `{name}`.",
            remedy=f"Did you mean `{hint}`?" if hint else f"Use one of {', '.join(names())}.",
        )
    return (_folder() / f"{name}.json").read_text(encoding="utf-8")


@cache
def load(name: str) -> dict[str, Any]:
    """Give the schema as data, which callers must not change.

    Raises:
        ConfigError: There is no schema of this name.
    """
    schema: dict[str, Any] = json.loads(text(name))
    return schema


@cache
def registry() -> Registry[Any]:
    """Give all schemas under their names, so that one can refer to another."""
    resources = ((name, Resource.from_contents(load(name), DRAFT202012)) for name in names())
    return Registry[Any]().with_resources(resources)


def _folder() -> Path:
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    raise ConfigError(
        "The JSON Schemas of the grader are not there.",
        remedy="Install the package again: its wheel carries them.",
    )
