"""Validated data to frozen dataclasses and back. Generic: knows the types that the model uses, but no class of it."""

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from harness.language import Message, verbatim

T = TypeVar("T")


def decode(cls: type[T], data: object) -> T:
    """Build `cls` from plain data that its schema has accepted.

    Args:
        cls: A dataclass, nested as deep as it likes.
        data: dict, list, str, int, float, bool and None.

    Raises:
        TypeError: `cls` has a field of a type that is not known here (a bug).
    """
    value: T = _decode(cls, data)
    return value


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode(wanted: Any, data: Any) -> Any:
    if wanted in {str, int, bool, Any}:
        return data
    if wanted is Message:
        return verbatim(data)
    if wanted is float:
        return float(data)
    if isinstance(wanted, type) and is_dataclass(wanted):
        hints = _hints(wanted)
        return wanted(**{key: _decode(hints[key], value) for key, value in data.items()})
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(data)
    return _decode_generic(wanted, data)


def _decode_generic(wanted: Any, data: Any) -> Any:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return data
    if origin is tuple and arguments[1:] == (...,):
        return tuple(_decode(arguments[0], one) for one in data)
    if origin is dict:
        return {key: _decode(arguments[1], value) for key, value in data.items()}
    if origin in {Union, UnionType} and NoneType in arguments and len(arguments) == 2:
        inner = next(one for one in arguments if one is not NoneType)
        return None if data is None else _decode(inner, data)
    raise TypeError(f"no way to read a field of type {wanted}")


def encode(value: Any) -> Any:
    """Give plain data for JSON: dataclasses and tuples become dicts and lists, enum members their values.

    Raises:
        TypeError: The value holds something that JSON cannot (a bug).
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: encode(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [encode(one) for one in value]
    raise TypeError(f"no way to write a {type(value).__name__}")
