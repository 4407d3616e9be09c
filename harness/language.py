"""Texts that can be said in several languages. Knows no text itself: the translations lie in `locale/`.

A `Message` is made where something is found out and is English until somebody shows it: `Language.of` then says it in
another language, by gettext. Templates are found by the names `message` and `t`; `make messages` refreshes `locale/`.
"""

import gettext
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from string import Formatter
from typing import Any, Self, TypeAlias

ENGLISH = "en"
TAGS = (ENGLISH, "zh-TW")
_DOMAIN = "harness"
_LOCALE = Path(__file__).parent / "locale"
VERBATIM = "{text}"
_SPEC = re.compile(r",?(\.\d)?[defgs%]?")

Value: TypeAlias = "str | int | float | tuple[Value, ...]"


class Message(str):
    """An English text that knows its template and the values in it, and is a plain string to whoever does not care.

    Whatever makes a new string of it (`+`, f-strings, `strip`) forgets them: put a message into another one as a value.

    Attributes:
        template: The text as `str.format` takes it.
        values: What stands in it: texts, numbers, messages, and tuples of these, which are listed with commas.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, Value]

    def __new__(cls, template: str, values: Mapping[str, Value]) -> Self:
        """Fill the template."""
        self = super().__new__(cls, _filled(template, values, list_mark=", "))
        self.template, self.values = template, values
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.template, dict(self.values))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def mapped(self, change: Callable[[str], str]) -> "Message":
        """Give the message with `change` applied to every text in it that is no template."""
        return Message(self.template, {name: _mapped(value, change) for name, value in self.values.items()})


def message(template: str, /, **values: Value) -> Message:
    """Make a message. A brace that is meant as such is written twice, if there are values.

    Raises:
        KeyError: The template names a value that is not given (a bug).
    """
    return Message(template, values)


def verbatim(text: str) -> Message:
    """Make a message of what is the same in every language: a path, an excerpt, a program's own words, a number."""
    return text if isinstance(text, Message) else Message(VERBATIM, {"text": text})


def some(names: Sequence[Value], most: int = 3) -> Message:
    """Name the first few and count the others."""
    if len(names) <= most:
        return Message("{names}", {"names": tuple(names)})
    return message("{names} and {count} more", names=tuple(names[:most]), count=len(names) - most)


def sentences(first: Message, *more: Message) -> Message:
    """Put sentences one after the other."""
    return reduce(lambda one, other: message("{one} {other}", one=one, other=other), more, first)


def clauses(first: Message, *more: Message) -> Message:
    """Put parts of a sentence one after the other, with semicolons."""
    return reduce(lambda one, other: message("{one}; {other}", one=one, other=other), more, first)


def stacked(lines: Sequence[Message]) -> Message:
    """Put lines one below the other; none give an empty text."""
    values = {f"line{number}": line for number, line in enumerate(lines)}
    return Message("\n".join(f"{{{name}}}" for name in values), values) if values else NOTHING


def rebuilt(template: str, values: Mapping[str, Value], *, longest: int) -> Message:
    """Make a message out of what a file says of it: a template of such a file may do less than one of the program's.

    Args:
        template: The text with gaps; not empty.
        values: What stands in them.
        longest: How many characters the message may have; no more than so many are ever put together.

    Raises:
        ValueError: The template does more than put values in, they do not belong together, or the message is too long.
    """
    if not template:
        raise ValueError("a template is empty")
    try:
        length = 0
        for part in _lengths(template, values):
            length += part
            if length > longest:
                raise ValueError(f"a message is longer than {longest} characters")
        return Message(template, values)
    except (LookupError, TypeError) as error:
        raise ValueError(str(error)) from error


def _lengths(template: str, values: Mapping[str, Value]) -> Iterator[int]:
    """Give how long each part of a message is going to be, gap after gap."""
    if not values:
        yield len(template)
        return
    shown = {name: _listed(value, LIST_MARK) for name, value in values.items()}
    for text, name, spec, conversion in Formatter().parse(template):
        yield len(text)
        if name is not None:
            if not (name.isidentifier() and _SPEC.fullmatch(spec or "") and not conversion):
                raise ValueError(f"{name!r} with {spec!r} is not allowed in a template")
            yield len(format(shown[name], spec or ""))


class WordedError(Exception):
    """An exception whose words reach people in their language."""

    def __init__(self, words: Message) -> None:
        super().__init__(words)
        self.words = verbatim(words)


class Language:
    """One language: says messages in it.

    Args:
        tag: One of `TAGS` (BCP 47).
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.translations: gettext.NullTranslations = gettext.NullTranslations()
        if tag != ENGLISH:
            self.translations = gettext.translation(_DOMAIN, _LOCALE, languages=[tag.replace("-", "_")])

    def __call__(self, template: str, /, **values: Value) -> str:
        """Say a text of the program's own."""
        if not template:
            return ""  # gettext has the header of its file under the empty text
        said = {name: self._value(value) for name, value in values.items()}
        return _filled(
            self.translations.gettext(template), said, list_mark=self.translations.gettext(LIST_MARK.template)
        )

    def of(self, text: str) -> str:
        """Say a message in this language; any other text stays as it is."""
        return self(text.template, **text.values) if isinstance(text, Message) else text

    def _value(self, value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(self._value(one) for one in value)
        return self.of(value) if isinstance(value, str) else value


@cache
def language(tag: str) -> Language:
    """Give the language of a tag.

    Raises:
        FileNotFoundError: There is none.
    """
    return Language(tag)


def _filled(template: str, values: Mapping[str, Value], *, list_mark: str) -> str:
    if not values:
        return template
    return template.format_map({name: _listed(value, list_mark) for name, value in values.items()})


def _listed(value: Value, list_mark: str) -> str | int | float:
    return list_mark.join(str(_listed(one, list_mark)) for one in value) if isinstance(value, tuple) else value


def _mapped(value: Value, change: Callable[[str], str]) -> Value:
    if isinstance(value, tuple):
        return tuple(_mapped(one, change) for one in value)
    if isinstance(value, Message):
        return value.mapped(change)
    return change(value) if isinstance(value, str) else value


NOTHING = verbatim("")
LIST_MARK = message(", ")
