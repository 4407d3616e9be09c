"""What the catalogue knows of one finding code. Knows no code."""

from dataclasses import dataclass

from harness.language import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the catalogue knows of one code.

    Attributes:
        severity: error, warning or info.
        title: What it is called.
        why: Why it matters.
        fix: How it is usually fixed.
        wrong: An example of it: what a student sees or has; code as it is, or words.
        right: The same as it should be.
    """

    severity: str
    title: Message
    why: Message
    fix: Message
    wrong: str
    right: str
