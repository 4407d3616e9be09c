"""Loads an assignment and its data files, or says all that is wrong with them. Must not know what they are used for."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError
from harness.model.assignment import Assignment, Example
from harness.schema.assignment_rules import broken_rules
from harness.schema.decode import decode
from harness.schema.document import Document, DocumentError, load_json, load_yaml
from harness.schema.position import pointer_to
from harness.schema.problem import Problem
from harness.schema.validate import Wrong, broken, listed, problems
from harness.schema.words import seen_words

FILE = "assignment.yaml"
SCHEMA = "assignment.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAssignment:
    """An assignment, the folder that its paths are relative to, and the SHA-256 of its file."""

    assignment: Assignment
    folder: Path
    sha256: str


def load_assignment(path: Path) -> LoadedAssignment:
    """Load and check an assignment.

    Args:
        path: assignment.yaml, or the folder that holds it.

    Raises:
        ConfigError: It cannot be read or something in it is wrong; the message has a line for each problem.
    """
    file = path / FILE if path.is_dir() else path
    content = read_file(file, "assignment", f"Give a folder that holds {FILE}, or the file itself.")
    try:
        document = load_yaml(content, str(file))
    except DocumentError as error:
        raise wrong_file(file, error.problems, SCHEMA) from None
    if found := assignment_problems(document, file.parent):
        raise wrong_file(file, found, SCHEMA)
    assignment = decode(Assignment, document.data)
    digest = hashlib.sha256(content).hexdigest()
    return LoadedAssignment(assignment=assignment, folder=file.parent, sha256=digest)


def assignment_problems(document: Document, folder: Path) -> tuple[Problem, ...]:
    """Hold an assignment in `folder` against its schema and, where it fits, against the rules beyond it."""
    found = problems(document, SCHEMA)
    return found or listed(document, _broken(decode(Assignment, document.data), folder))


def load_examples(path: Path) -> tuple[Example, ...]:
    """Load a data file: a JSON list of id, instruction, output.

    Raises:
        ConfigError: It cannot be read or something in it is wrong; the message has a line for each problem.
    """
    content = read_file(path, "data file", "Make the file, or correct the path in assignment.yaml.")
    try:
        document = load_json(content, str(path))
    except DocumentError as error:
        raise wrong_file(path, error.problems, "examples.v1") from None
    found = problems(document, "examples.v1") or listed(document, _duplicate_ids(document))
    if found:
        raise wrong_file(path, found, "examples.v1")
    return tuple(decode(Example, row) for row in document.data)


def read_file(path: Path, what: str, remedy: str) -> bytes:
    """Read a file that the staff wrote.

    Raises:
        ConfigError: It cannot be read; the message calls it `what`.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The {what} {path} cannot be read: {error.strerror}.", remedy=remedy) from error


def wrong_file(path: Path, found: tuple[Problem, ...], schema: str) -> ConfigError:
    """Make the error that lists what is wrong with a file, a line for each problem."""
    return ConfigError(
        "\n".join([f"{path} cannot be used:", *map(str, found)]),
        remedy=f"Mend the lines above; `harness schema {schema}` prints what is allowed.",
    )


def _broken(assignment: Assignment, folder: Path) -> Iterator[Wrong]:
    yield from broken_rules(assignment)
    data = assignment.data
    # The private file is looked for only when it is graded on: a student's copy of the assignment lacks it.
    for key, name in (("train", data.train), ("public", data.public)):
        if name is not None and not (folder / name).is_file():
            remedy = "make the file, or correct the path (relative to assignment.yaml)"
            yield broken(f"/data/{key}", "a file that is there", seen_words(name), remedy)


def _duplicate_ids(document: Document) -> Iterator[Wrong]:
    known: set[str] = set()
    for index, row in enumerate(document.data):
        if row["id"] in known:
            seen = f"{seen_words(row['id'])} for the second time"
            yield broken(pointer_to([index, "id"]), "each id once", seen, "give the row an id of its own")
        known.add(row["id"])
