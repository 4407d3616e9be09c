"""What a student was granted beyond the late policy. Mirrors `extensions.v1` (a test holds both); reads no file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """More time, or another number of tokens, for one student and this assignment.

    Attributes:
        id: Whose it is.
        until: The new deadline, written as the assignment's may be; None where `days` or nothing moves it.
        days: Days that the deadline is moved by, to the same time on the clock; None where `until` or nothing moves it.
        tokens: Free late days that the student has left; None leaves those of the policy.
        reason: Why, for the staff alone.
    """

    id: str
    until: str | None = None
    days: int | None = None
    tokens: int | None = None
    reason: str = ""
