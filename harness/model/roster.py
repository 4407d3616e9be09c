"""Who is in a course, in the words of a learning platform. Reads no file."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

EXCUSED = "EX"  # Canvas's word


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row of a roster; what it does not say is empty.

    Attributes:
        line: Its line in the file.
        student: The student id as the submissions have it.
        name: The full name.
        canvas_id: Canvas's own number of the person.
        sis_user_id: Canvas's `SIS User ID`.
        sis_login_id: Canvas's `SIS Login ID`.
        section: Canvas's `Section`.
        id_number: Moodle's `ID number`.
        username: Moodle's `Username`.
        email: The address.
        cells: All cells by their headings.
    """

    line: int
    student: str = ""
    name: str = ""
    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    section: str = ""
    id_number: str = ""
    username: str = ""
    email: str = ""
    cells: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shown(self) -> str:
        """What to call the person in a message to the staff."""
        return self.student or self.sis_user_id or self.id_number or self.sis_login_id or self.username or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The people of a course.

    Attributes:
        file: Where it was read from, for messages.
        roles: Which attributes of `Person` have a column.
        people: A row each, in the order of the file.
        points: Canvas's `Points Possible` of each column that has them.
    """

    file: str
    roles: frozenset[str]
    people: tuple[Person, ...]
    points: Mapping[str, str] = field(default_factory=dict)


def same_id(text: str) -> str:
    """Give the form in which ids are compared: without case, outer white space and Unicode's variants of a letter."""
    shown = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", shown).strip().casefold()
