"""No text for students is forgotten: mypy asks for a `Message` where one is shown; here is what mypy cannot see."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import harness
from harness.grading.late import Lateness
from harness.language import Message, WordedError
from harness.model.catalogue import Entry
from harness.model.finding import Finding, finding
from harness.model.result import Points, StageResult, Verdict
from harness.schema.problem import Problem
from harness.schema.validate import Wrong
from harness.stages.blame import Blame
from harness.stages.outcome import done

ROOT = Path(harness.__file__).parent
SOURCES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py")}
# What these say is for the staff, who read English: it ends in a ConfigError.
FOR_STAFF = {f"schema/{name}.py" for name in ("assignment", "assignment_rules", "extensions", "times")}
SHOWN = [
    (Finding, ("title", "seen", "limit", "fix")),
    (finding, ("seen", "limit")),
    (done, ("summary",)),
    (StageResult, ("summary",)),
    (Points, ("reason",)),
    (Verdict, ("late_reason",)),
    (Lateness, ("reason",)),
    (Problem, ("expected", "seen", "remedy")),
    (Wrong, ("expected", "seen", "remedy")),
    (Entry, ("title", "why", "fix")),
    (Blame, ("what", "known_by")),
    (WordedError.__init__, ("words",)),
]


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path}:{node.lineno}", node


@pytest.mark.parametrize(("where", "names"), SHOWN, ids=lambda one: getattr(one, "__qualname__", ""))
def test_what_is_shown_is_typed_as_a_message(where: object, names: tuple[str, ...]) -> None:
    hints = get_type_hints(where)
    assert {name: hints[name] for name in names} == dict.fromkeys(names, Message)


def test_templates_are_literals_so_that_they_are_found() -> None:
    wrong = [
        place
        for place, call in calls("message", "t")
        if not (call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
    ]
    assert wrong == []
    assert len(list(calls("message"))) > 300


def test_languages_are_called_t_so_that_their_texts_are_found() -> None:
    unseen = [
        f"{path}:{node.lineno}"
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"_t", "t"}
        if node.args
    ]
    assert unseen == []


def test_words_are_not_hidden_in_what_no_language_changes() -> None:
    wrong = [
        place
        for place, call in calls("verbatim", "Message")
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value.split()) > 1
        if place.rpartition(":")[0] not in FOR_STAFF
    ]
    assert wrong == []


def test_messages_are_not_glued_together_nor_hidden_in_f_strings() -> None:
    glued = [
        f"{path}:{node.lineno}"
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp | ast.JoinedStr)
        for part in ast.walk(node)
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in {"message", "t"}
    ]
    assert glued == []
