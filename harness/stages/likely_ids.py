"""Guesses why ids of predictions are missing, unknown or there twice. Pure; knows ids alone."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from harness.language import Message, message
from harness.text import visible

_SHOWN = 60
# Ids are hostile: NFKC takes time with the square of a run of combining marks, and a file may hold very many.
_LONGEST = 200
_MOST_COMPARED = 1_000
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_WAYS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "space": lambda one: "".join(one.split()),
        "case": str.casefold,
        "zeros": lambda one: _ZEROS.sub("", one),
        "width": lambda one: unicodedata.normalize("NFKC", one),
        "letters": lambda one: _ZEROS.sub("", "".join(char for char in one if char.isdigit())),
    }
)


def likely_ids(unknown: Sequence[str], missing: Sequence[str]) -> Message | None:
    """Tell how to mend unknown ids that are missing ones written otherwise; None where they are not.

    Of the unknown ones, the first `_MOST_COMPARED` are looked at, and none longer than `_LONGEST`.

    Args:
        unknown: Ids that are given and not wanted.
        missing: Ids that are wanted and not given.
    """
    compared = [one for one in unknown[:_MOST_COMPARED] if len(one) <= _LONGEST]
    for way, plain in _WAYS.items():
        forms = {plain(one): one for one in missing}
        if len(forms) != len(missing):
            continue  # what makes two wanted ids alike tells nothing
        for one in compared:
            if (form := plain(one)) and (meant := forms.get(form)):
                return _words(way, given=f"`{visible(one, _SHOWN)}`", meant=f"`{visible(meant, _SHOWN)}`")
    return None


def _words(way: str, *, given: str, meant: str) -> Message:
    match way:
        case "space":
            return message("Copy ids as they are: {given} is {meant} with other white space.", given=given, meant=meant)
        case "case":
            return message(
                "Copy ids as they are: {given} is {meant} with other capital letters.", given=given, meant=meant
            )
        case "zeros":
            return message(
                "Copy ids as they are: {given} is {meant} with other zeros in front. An id is a text, no number.",
                given=given,
                meant=meant,
            )
        case "width":
            return message(
                "Copy ids as they are: {given} is {meant} with full-width characters.", given=given, meant=meant
            )
    return message(
        "Copy ids as they are: {given} is probably {meant}. An id is a text, no number.", given=given, meant=meant
    )


def likely_missing(missing: Sequence[str], wanted: Sequence[str]) -> Message | None:
    """Tell what it means that all rows from one on are missing; None where others are."""
    if not missing or len(missing) == len(wanted) or list(missing) != list(wanted[-len(missing) :]):
        return None
    return message(
        "All rows from {id} on are missing: see why the program stopped there, and whether the last batch is left out.",
        id=f"`{visible(missing[0], _SHOWN)}`",
    )


def likely_twice(given: Sequence[str]) -> Message | None:
    """Tell what it means that the whole list is there several times; None where it is not."""
    distinct = len(set(given))
    times = len(given) // distinct if distinct else 0
    if times < 2 or list(given) != list(given[:distinct]) * times:
        return None
    return message(
        "The whole list is there {count} times: start with an empty list, and write the file once.", count=times
    )
