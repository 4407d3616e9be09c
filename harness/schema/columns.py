"""Finds the columns of a platform's table by their headings. Must not know what is done with them."""

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from harness.schema.nearest import nearest
from harness.schema.problem import DocumentError, Problem
from harness.schema.table import Table, wrong_row
from harness.schema.words import seen_words

# What a column is for, and the headings by which it is known; others are named by the user (`--column ROLE=HEADING`).
HEADINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "student": ("student id", "student number", "studentid", "sid", "學號", "学号", "matrikelnummer"),
        "name": ("name", "full name", "student name", "姓名", "全名", "vollständiger name"),
        "first_name": ("first name", "given name", "名字", "vorname"),
        "last_name": ("last name", "surname", "family name", "姓氏", "nachname"),
        "canvas_id": ("canvas id",),
        "sis_user_id": ("sis user id",),
        "sis_login_id": ("sis login id",),
        "section": ("section",),
        "id_number": ("id number", "idnumber", "id 號碼", "id-nummer"),
        "username": ("username", "user name", "帳號", "使用者名稱", "用户名", "anmeldename"),
        "email": ("email", "e mail", "email address", "電子郵件", "電子郵件信箱", "邮箱", "e mail adresse"),
        "id": ("id",),
        "identifier": ("identifier", "識別碼", "标识符"),
        "grade": ("grade", "成績", "分數", "成绩", "bewertung"),
        "maximum": ("maximum grade", "最高分", "最高成績", "höchste bewertung"),
        "changeable": ("grade can be changed",),
        "feedback": ("feedback comments", "回饋意見", "feedback als kommentar"),
    }
)
SHEET = ("identifier", "grade", "maximum", "changeable", "feedback")
_CANVAS = MappingProxyType({"student": "name", "id": "canvas_id"})
_REMEDY = "name it in the first line, or say which it is with --column {role}=HEADING"


def plain(heading: str) -> str:
    """Give the form in which headings are compared."""
    return re.sub(r"[\s_-]+", " ", heading).strip().casefold()


def find_columns(table: Table, roles: Collection[str], *, given: Mapping[str, str]) -> Mapping[str, int]:
    """Give the column of each role that has one.

    Args:
        table: The table; one with Canvas's headings is read as Canvas means them.
        roles: What to look for.
        given: Headings by role, as the user named them.

    Raises:
        DocumentError: A heading that was given is not there, or two columns have one role.
    """
    problems = list(_not_there(table, given))
    found: dict[str, int] = {}
    names = _names(table)
    for role in roles:
        wanted = {plain(given[role])} if role in given else {name for name, one in names.items() if one == role}
        places = [at for at, heading in enumerate(table.header) if plain(heading) in wanted]
        if len(places) > 1:
            seen = ", ".join(f"`{table.header[at]}`" for at in places)
            remedy = f"say which it is with --column {role}=HEADING, or remove the other"
            problems.append(wrong_row(table.file, 1, f"one column for `{role}`", seen=seen, remedy=remedy))
        if places:
            found[role] = places[0]
    if problems:
        raise DocumentError(*problems)
    return found


def is_canvas(table: Table) -> bool:
    """Tell whether the table is Canvas's gradebook."""
    headings = [plain(one) for one in table.header]
    return headings[:2] == ["student", "id"] and any(one.startswith("sis ") for one in headings)


def known_headings(table: Table, given: Mapping[str, str]) -> Mapping[str, str]:
    """Give those of the headings that the table has."""
    there = {plain(one) for one in table.header}
    return {role: heading for role, heading in given.items() if plain(heading) in there}


def missing_column(table: Table, roles: Collection[str]) -> Problem:
    """Say that a column of one of these roles is needed."""
    known = {name: role for role in roles for name in HEADINGS[role]}
    remedy = _REMEDY.format(role=next(iter(roles)))
    for heading in table.header:
        if hint := nearest(plain(heading), known):
            remedy = f"did you mean `{hint}` by `{heading}`? Otherwise {remedy}"
            break
    wanted = " or ".join(f"`{HEADINGS[role][0]}`" for role in roles)
    seen = seen_words(", ".join(table.header))
    return wrong_row(table.file, 1, f"a column {wanted}", seen=seen, remedy=remedy)


def _names(table: Table) -> Mapping[str, str]:
    names = {name: role for role, all_names in HEADINGS.items() for name in all_names}
    return names | _CANVAS if is_canvas(table) else names


def _not_there(table: Table, given: Mapping[str, str]) -> Iterator[Problem]:
    there = {plain(one): one for one in table.header}
    for role, heading in given.items():
        if plain(heading) not in there:
            hint = nearest(plain(heading), there)
            remedy = f"did you mean `{there[hint]}`?" if hint else "name one of its headings"
            seen = seen_words(", ".join(table.header))
            yield wrong_row(table.file, 1, f"the column `{heading}` for `{role}`", seen=seen, remedy=remedy)
