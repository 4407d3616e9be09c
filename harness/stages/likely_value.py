"""Guesses how one value of the predictions went wrong, and what to write instead. Pure."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.language import message
from harness.schema.position import steps_of
from harness.schema.problem import Problem

_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity", "nan", "inf"})


def as_text(problem: Problem) -> Problem:
    """Ask for text where the file holds a number that JSON does not have: predictions have no numbers at all."""
    if not {problem.seen, problem.seen.values.get("word")} & _NO_NUMBERS:
        return problem
    return replace(problem, remedy=message("write the text that the model gave, in quotes: `output` is a string"))


def likely_value(problem: Problem, data: Any, wanted: Sequence[str]) -> Problem:
    """Give the problem with the remedy that leads to predictions which pass, or as it is.

    Args:
        problem: What the schema refuses.
        data: The content of the file.
        wanted: The ids of the input.
    """
    match [*steps_of(problem.pointer)], data:
        case [index, ("id" | "output") as key], list() if index.isdecimal() and int(index) < len(data):
            row = data[int(index)]
        case _:
            return problem
    value = row.get(key) if isinstance(row, dict) else None
    if key == "output" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return replace(problem, remedy=message("take the text out of the list"))
    if key == "id" and isinstance(value, int | float) and json.dumps(value) not in wanted:
        return replace(problem, remedy=message("copy the ids of the input as they are, with their quotes"))
    return problem
