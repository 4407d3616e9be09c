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
    `SIS Login ID`, `ID number`, `Username` and, before the @, the email address. Where submissions are named by one of
    these columns, a later one does not name a person who has another id in it.
    """
    ids = list(ids)
    by_key, used = _by_key(roster), _used(ids, roster)
    people: dict[str, Person] = {}
    unknown: dict[str, str] = {}
    problems: list[str] = []
    for one in ids:
        fitting = by_key.get(same_id(one), ())
        found = [each for each in fitting if not _is_named_otherwise(each, same_id(one), used)]
        if len(found) == 1:
            people[one] = found[0]
        elif found:
            lines = " and ".join(str(each.line) for each in found)
            problems.append(f"{one}: lines {lines} of {roster.file} both have this id")
        else:
            unknown[one] = _other(fitting, roster)
    claimed = {person.line for person in people.values()}
    free = {key: found for key, found in by_key.items() if not claimed.intersection(row.line for row in found)}
    unknown = {one: said or _hint(one, free) for one, said in unknown.items()}
    return Matched(people=people, unknown=unknown, problems=(*problems, *_twice(people, roster)))


def match_rows(people: Iterable[Person], sheet: Roster) -> tuple[Mapping[int, Person], tuple[str, ...]]:
    """Find the row of each person in another table of the same course.

    They are compared by student id or ID number, then user name, address and full name: the first of these that both
    have and that leads to a row. Where no id is the same, a row with another id, user name or address is another
    person's.

    Returns:
        The row by the person's line, and what is not clear.
    """
    indexes = [_index(sheet.people, there) for _, there in _SAME_PERSON]
    rows: dict[int, Person] = {}
    problems: list[str] = []
    for one in people:
        for (here, _), index in zip(_SAME_PERSON, indexes, strict=True):
            values = _values(one, here)
            found = {row.line: row for value in values for row in index.get(value, ()) if not _differ(one, row)}
            if len(found) > 1:
                lines = " and ".join(map(str, sorted(found)))
                problems.append(f"{one.shown}: lines {lines} of {sheet.file} fit, and nothing tells which is meant")
            if found:
                rows[one.line] = next(iter(found.values()))
                break
    return rows, (*problems, *_rows_twice(rows, people, sheet))


def _differ(one: Person, row: Person) -> bool:
    """Whether a row is another person's: no id is the same, and something that names a person differs."""
    named = [(_values(one, here), _values(row, there)) for here, there in _SAME_PERSON[:-1]]
    (ids, row_ids), *_ = named
    return ids.isdisjoint(row_ids) and any(mine and its and mine.isdisjoint(its) for mine, its in named)


def _values(person: Person, roles: Sequence[str]) -> set[str]:
    return {same_id(getattr(person, role)) for role in roles} - {""}


def _used(ids: Iterable[str], roster: Roster) -> Sequence[str]:
    """Give the columns that submissions are named by: those in which one is found."""
    wanted = {same_id(one) for one in ids}
    roles = _roles(roster)
    return [role for role in roles if any(_key(one, role) in wanted for one in roster.people)]


def _is_named_otherwise(person: Person, wanted: str, used: Sequence[str]) -> bool:
    """Whether the first column of those in use that names the person names somebody else."""
    return next((key != wanted for role in used if (key := _key(person, role))), False)


def _other(fitting: Sequence[Person], roster: Roster) -> str:
    """Say why whoever has the id was not taken for its owner."""
    return "; ".join(f"line {one.line} of {roster.file} has it, but belongs to {one.shown}" for one in fitting)


def _roles(roster: Roster) -> Sequence[str]:
    return ("student",) if "student" in roster.roles else _ANY


def _key(person: Person, role: str) -> str:
    value = getattr(person, role)
    return same_id(value.partition("@")[0] if role == "email" else value)


def _by_key(roster: Roster) -> Mapping[str, tuple[Person, ...]]:
    index: dict[str, tuple[Person, ...]] = {}
    for one in roster.people:
        for key in {_key(one, role) for role in _roles(roster)} - {""}:
            index[key] = (*index.get(key, ()), one)
    return index


def _index(people: Sequence[Person], roles: Sequence[str]) -> Mapping[str, tuple[Person, ...]]:
    index: dict[str, tuple[Person, ...]] = {}
    for one in people:
        for key in _values(one, roles):
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
