"""Finds out who of a roster handed in which submission. A guess is never made: what is not clear is a problem."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.model.roster import Person, Roster, same_id
from harness.schema.nearest import nearest

_ANY = ("sis_user_id", "sis_login_id", "id_number", "username", "email")
_SAME_PERSON = (
    (("student", "id_number", "sis_user_id"), ("student", "id_number")),
    (("username", "sis_login_id"), ("username",)),
    (("email",), ("email",)),
    (("name",), ("name",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Submissions and people.

    Attributes:
        people: The person of each submission that has one, by the submission's id.
        unknown: The ids that are in no row, each with a hint or an empty text.
        problems: What is not clear, a sentence each; nothing may be written then.
    """

    people: Mapping[str, Person]
    unknown: Mapping[str, str]
    problems: tuple[str, ...]


def match_submissions(ids: Iterable[str], roster: Roster) -> Matched:
    """Find the person of each submission.

    A roster that has student ids is matched by them alone. Otherwise an id is looked for among `SIS User ID`,
    `SIS Login ID`, `ID number`, `Username` and, before the @, the email address.
    """
    by_key = _by_key(roster)
    people: dict[str, Person] = {}
    unknown: dict[str, str] = {}
    problems: list[str] = []
    for one in ids:
        found = by_key.get(same_id(one), ())
        if len(found) == 1:
            people[one] = found[0]
        elif found:
            lines = " and ".join(str(each.line) for each in found)
            problems.append(f"{one}: lines {lines} of {roster.file} both have this id")
        else:
            unknown[one] = ""
    claimed = {person.line for person in people.values()}
    free = {key: found for key, found in by_key.items() if not claimed.intersection(row.line for row in found)}
    unknown = {one: _hint(one, free) for one in unknown}
    return Matched(people=people, unknown=unknown, problems=(*problems, *_twice(people, roster)))


def match_rows(people: Iterable[Person], sheet: Roster) -> tuple[Mapping[int, Person], tuple[str, ...]]:
    """Find the row of each person in another table of the same course.

    They are compared by student id or ID number, then user name, address and full name: the first of these that both
    have and that leads to a row.

    Returns:
        The row by the person's line, and what is not clear.
    """
    indexes = [_index(sheet.people, there) for _, there in _SAME_PERSON]
    rows: dict[int, Person] = {}
    problems: list[str] = []
    for one in people:
        for (here, _), index in zip(_SAME_PERSON, indexes, strict=True):
            values = {same_id(getattr(one, role)) for role in here} - {""}
            found = {row.line: row for value in values for row in index.get(value, ())}
            if len(found) > 1:
                lines = " and ".join(map(str, sorted(found)))
                problems.append(f"{one.shown}: lines {lines} of {sheet.file} fit, and nothing tells which is meant")
            if found:
                rows[one.line] = next(iter(found.values()))
                break
    return rows, (*problems, *_rows_twice(rows, people, sheet))


def _by_key(roster: Roster) -> Mapping[str, tuple[Person, ...]]:
    roles = ("student",) if "student" in roster.roles else _ANY
    index: dict[str, tuple[Person, ...]] = {}
    for one in roster.people:
        values = {getattr(one, role).partition("@")[0] if role == "email" else getattr(one, role) for role in roles}
        for key in {same_id(value) for value in values} - {""}:
            index[key] = (*index.get(key, ()), one)
    return index


def _index(people: Sequence[Person], roles: Sequence[str]) -> Mapping[str, tuple[Person, ...]]:
    index: dict[str, tuple[Person, ...]] = {}
    for one in people:
        for key in {same_id(getattr(one, role)) for role in roles} - {""}:
            index[key] = (*index.get(key, ()), one)
    return index


def _hint(one: str, by_key: Mapping[str, tuple[Person, ...]]) -> str:
    hint = nearest(same_id(one), by_key)
    return f"did you mean `{hint}` (line {by_key[hint][0].line})?" if hint else ""


def _twice(people: Mapping[str, Person], roster: Roster) -> Iterable[str]:
    first: dict[int, str] = {}
    for one, person in people.items():
        before = first.setdefault(person.line, one)
        if before != one:
            yield f"{before} and {one} are both of line {person.line} of {roster.file}: one student, two submissions"


def _rows_twice(rows: Mapping[int, Person], people: Iterable[Person], sheet: Roster) -> Iterable[str]:
    first: dict[int, Person] = {}
    for one in people:
        row = rows.get(one.line)
        before = first.setdefault(row.line, one) if row else one
        if row and before is not one:
            yield f"{before.shown} and {one.shown} are both of line {row.line} of {sheet.file}"
