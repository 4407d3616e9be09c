"""Holds a document against a schema and says what is wrong, where, and what to do. Must not know what it is for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from harness.language import Message, message, verbatim
from harness.schema import store
from harness.schema.described import described
from harness.schema.document import Document
from harness.schema.nearest import nearest
from harness.schema.position import Place, child, pointer_to, steps_of
from harness.schema.problem import Problem
from harness.schema.words import expected_words, remedy_words, seen_words
from harness.text import visible

MOST_LISTED = 20
MOST_COUNTED = 1_000
_POINTER_SHOWN = 160
_TOP = Place(key=None, value=(1, 1))


@dataclass(frozen=True, slots=True)
class Wrong:
    """A problem that has no place yet; `at_key` tells that the key is wrong rather than its value."""

    pointer: str
    expected: Message
    seen: Message
    remedy: Message
    at_key: bool = False


def broken(pointer: str, expected: str, seen: str, remedy: str) -> Wrong:
    """Make a problem that only the staff read, so it is English."""
    return Wrong(pointer, verbatim(expected), verbatim(seen), verbatim(remedy))


def problems(document: Document, schema_name: str) -> tuple[Problem, ...]:
    """Give what is wrong, in the order of the file: at most `MOST_LISTED`, then one that counts the rest.

    Raises:
        ConfigError: There is no schema of this name.
    """
    validator = _validator(schema_name)
    return listed(document, _wrongs(validator.iter_errors(document.data)))


def listed(document: Document, wrongs: Iterator[Wrong]) -> tuple[Problem, ...]:
    """Give the first problems their places and count the others, up to `MOST_COUNTED`."""
    first = list(islice(wrongs, MOST_LISTED))
    following = next(wrongs, None)
    places = document.places([one.pointer for one in [*first, following] if one])
    shown = sorted((_located(document.name, one, places) for one in first), key=lambda one: (one.line, one.column))
    if following is None:
        return tuple(shown)
    more = 1 + sum(1 for _ in islice(wrongs, MOST_COUNTED))
    return *shown, _rest(_located(document.name, following, places), more)


def _rest(following: Problem, more: int) -> Problem:
    if more <= MOST_COUNTED:
        count = message("{count} more, the next one here", count=more)
    else:
        count = message("over {count} more, the next one here", count=MOST_COUNTED)
    return Problem(
        following.file,
        following.line,
        following.column,
        following.pointer,
        message("no problem but the {count} listed", count=MOST_LISTED),
        count,
        message("mend those first, then check again"),
    )


def _located(name: str, wrong: Wrong, places: Mapping[str, Place]) -> Problem:
    place = places.get(wrong.pointer, _TOP)
    line, column = place.key if wrong.at_key and place.key else place.value
    return Problem(name, line, column, visible(wrong.pointer, _POINTER_SHOWN), wrong.expected, wrong.seen, wrong.remedy)


def _wrongs(errors: Iterator[ValidationError]) -> Iterator[Wrong]:
    """Explain the errors, one for each thing wrong with a value: an empty string also breaks its pattern."""
    said: set[tuple[str, str]] = set()
    for error in errors:
        for one in _explain(error):
            once = (one.pointer, one.expected if error.validator == "required" else "")
            if once not in said:
                said.add(once)
                yield one


def _explain(error: ValidationError) -> Iterator[Wrong]:
    pointer = pointer_to(error.absolute_path)
    match error.validator:
        case "anyOf" if inner := _branch(error):
            for one in inner:
                yield from _explain(one)
        case "additionalProperties":
            yield _unknown_key(error, pointer)
        case "required":
            yield _missing_key(error, pointer)
        case _:
            wanted = _wanted(error)
            key = (steps_of(pointer) or [""])[-1]
            remedy = remedy_words(wanted, error.instance, key)
            yield Wrong(pointer, expected_words(wanted), _seen(error), remedy)


def _seen(error: ValidationError) -> Message:
    return message("an entry twice") if error.validator == "uniqueItems" else seen_words(error.instance)


def _wanted(error: ValidationError) -> Mapping[str, Any]:
    if error.validator != "anyOf":
        return error.schema if isinstance(error.schema, Mapping) else {}
    wanted: list[Any] = [one.validator_value for one in error.context or () if one.validator == "type"]
    kinds = [kind for kinds in wanted for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return {"type": list(dict.fromkeys(kinds))}


def _branch(error: ValidationError) -> list[ValidationError]:
    """Pick the errors of the branch that was meant: the one whose type fits."""
    context = error.context or []
    wrong_type = {one.relative_schema_path[0] for one in context if one.validator == "type" and not one.relative_path}
    return [one for one in context if one.relative_schema_path[0] not in wrong_type]


def _unknown_key(error: Any, pointer: str) -> Wrong:
    valid = list(error.schema["properties"])
    hint = _renames(error.instance, error.schema).get(error.message)
    return Wrong(
        child(pointer, error.message),
        message("one of the keys {keys}", keys=tuple(f"`{key}`" for key in valid)),
        message("the unknown key `{key}`", key=visible(error.message, 60)),
        message("did you mean `{name}`?", name=hint) if hint else message("remove it"),
        at_key=True,
    )


def _missing_key(error: Any, pointer: str) -> Wrong:
    about = error.schema.get("properties", {}).get(error.message, {}).get("description", "")
    remedy = message("add it: {what}", what=described(about)) if about else message("add it")
    return Wrong(pointer, message("the key `{key}`", key=error.message), seen_words(error.instance), remedy)


def _renames(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, str]:
    """Guess which unknown key was meant to be which known one; a missing one comes first."""
    valid = schema.get("properties", {})
    unknown = list(islice((key for key in instance if key not in valid), MOST_LISTED))
    missing = [key for key in schema.get("required", ()) if key not in instance and key in valid]
    if len(unknown) == len(missing) == 1:
        return {unknown[0]: missing[0]}
    guesses = {key: _other_name(key, valid, missing) or nearest(key, missing) or nearest(key, valid) for key in unknown}
    return {key: guess for key, guess in guesses.items() if guess}


def _other_name(key: str, valid: Mapping[str, Any], missing: list[str]) -> str | None:
    """Give the missing key that the schema knows by this name, too."""
    return next((name for name in missing if key.lower() in valid[name].get("x-otherNames", ())), None)


# The three keywords below replace jsonschema's own: theirs put the whole value into the message, which is slow for a
# large one, and do not tell keys apart. The message of ours is the key.


def _additional(validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    for key in instance:
        if key in known:
            continue
        if allowed is False:
            yield ValidationError(key)
        else:
            yield from validator.descend(instance[key], allowed, path=key)


def _required(_: Any, names: list[str], instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and (missing := [name for name in names if name not in instance]):
        closed = schema.get("additionalProperties") is False
        renamed = set(_renames(instance, schema).values()) if closed else set()
        yield from (ValidationError(name) for name in missing if name not in renamed)


def _type(validator: Any, kinds: str | list[str], instance: Any, _: Any) -> Iterator[ValidationError]:
    names = [kinds] if isinstance(kinds, str) else kinds
    if not any(validator.is_type(instance, name) for name in names):
        yield ValidationError("type")


def _is_whole(_: Any, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def _validator(name: str) -> Any:
    cls = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {"type": _type, "required": _required, "additionalProperties": _additional},
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
    )
    return cls(store.load(name), registry=store.registry())
