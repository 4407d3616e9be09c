"""A `Problem`: one thing wrong in a file, with its place and a remedy. Must not know who reads it."""

from dataclasses import dataclass

from harness.language import Message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file.

    Attributes:
        file: The file as the reader knows it.
        line: 1-based line.
        column: 1-based column, in characters.
        pointer: JSON pointer of the value, cut short for show; empty for the whole document.
        expected: What should be there, in plain words.
        seen: What is there, cut short and with control characters made visible.
        remedy: What to do about it.
    """

    file: str
    line: int
    column: int
    pointer: str
    expected: Message
    seen: Message
    remedy: Message

    def __str__(self) -> str:
        at = f" at {self.pointer}" if self.pointer else ""
        return f"{self.file}:{self.line}:{self.column}{at}: expected {self.expected}, saw {self.seen}; {self.remedy}"


class DocumentError(ValueError):
    """A file is no readable JSON or YAML. The text lists the problems, each on a line."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
