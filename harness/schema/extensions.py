"""Loads the extensions of one assignment, or says all that is wrong with them. Must not know what they change."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError
from harness.model.assignment import Assignment, LatePolicy
from harness.model.extension import Extension
from harness.model.zones import read_time
from harness.schema.assignment import read_file, wrong_file
from harness.schema.assignment_rules import wrong_time
from harness.schema.decode import decode
from harness.schema.document import Document, DocumentError, load_json, load_yaml
from harness.schema.nearest import nearest
from harness.schema.position import pointer_to
from harness.schema.problem import Problem
from harness.schema.validate import Wrong, broken, listed, problems
from harness.schema.words import seen_words

SCHEMA = "extensions.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedExtensions:
    """Extensions by student id.

    Attributes:
        by_id: All of them.
        unused: Those whose id is in no submission, each with its place: nothing handed in yet, or a mistyped id.
    """

    by_id: Mapping[str, Extension]
    unused: tuple[Problem, ...] = ()


def load_extensions(path: Path, assignment: Assignment, *, submissions: Collection[str]) -> LoadedExtensions:
    """Load and check a file of extensions: YAML if its name ends in .yaml or .yml, else JSON.

    Args:
        path: The file.
        assignment: What they extend.
        submissions: The ids of what was handed in.

    Raises:
        ConfigError: It cannot be read, something in it is wrong, or there is no late policy to extend; the message
            has a line for each problem.
    """
    content = read_file(path, "file of extensions", "Give the path of a YAML list, such as extensions.yaml.")
    if assignment.late is None:
        raise ConfigError(
            f"{path} cannot be used: the assignment {assignment.name} has no late policy to extend.",
            remedy="Add `late` to the assignment, or leave the extensions out.",
        )
    reader = load_yaml if path.suffix.lower() in {".yaml", ".yml"} else load_json
    try:
        document = reader(content, str(path))
    except DocumentError as error:
        raise wrong_file(path, error.problems, SCHEMA) from None
    pattern = assignment.submission.student_id
    found = problems(document, SCHEMA) or listed(document, _broken(document, assignment.late, pattern, submissions))
    if found:
        raise wrong_file(path, found, SCHEMA)
    by_id = {row["id"]: decode(Extension, row) for row in document.data}
    return LoadedExtensions(by_id=by_id, unused=listed(document, _unused(document, submissions)))


def _broken(document: Document, late: LatePolicy, pattern: str, submissions: Collection[str]) -> Iterator[Wrong]:
    known: set[str] = set()
    for index, row in enumerate(document.data):
        extension = decode(Extension, row)
        at = pointer_to([index, "id"])
        if extension.id in known:
            seen = f"{seen_words(extension.id)} for the second time"
            yield broken(at, "each id once", seen, "make one entry of the two")
        elif extension.id not in submissions and not re.fullmatch(pattern, extension.id):
            hint = nearest(extension.id, submissions)
            remedy = f"did you mean `{hint}`?" if hint else "correct the id"
            yield broken(at, f"a student id ({pattern}) or the id of a submission", seen_words(extension.id), remedy)
        known.add(extension.id)
        yield from _grant(index, extension, late)


def _grant(index: int, extension: Extension, late: LatePolicy) -> Iterator[Wrong]:
    if extension.until is None and extension.days is None and extension.tokens is None:
        yield broken(
            pointer_to([index]),
            "one of `until`, `days`, `tokens`",
            "none of them",
            "say what is granted",
        )
    if extension.until is None:
        return
    at = pointer_to([index, "until"])
    if extension.days is not None:
        yield broken(at, "`until` or `days`", "both", "remove one of the two")
    wrong = list(wrong_time(at, extension.until, late.zone))
    yield from wrong
    if not wrong and read_time(extension.until, late.zone) < read_time(late.deadline, late.zone):
        expected = f"a time at or after the deadline {late.deadline}{f' {late.zone}' if late.zone else ''}"
        yield broken(at, expected, seen_words(extension.until), "write a later time, or remove the entry")


def _unused(document: Document, submissions: Collection[str]) -> Iterator[Wrong]:
    for index, row in enumerate(document.data):
        if row["id"] not in submissions:
            hint = nearest(row["id"], submissions)
            remedy = f"did you mean `{hint}`?" if hint else "correct the id, or leave it until something is handed in"
            yield broken(pointer_to([index, "id"]), "the id of a submission", seen_words(row["id"]), remedy)
