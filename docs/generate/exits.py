"""The page of exit codes and of the faults behind them, read off `harness.errors`."""

import inspect
from collections.abc import Iterator

from harness import errors
from harness.errors import EXIT_BUG, EXIT_FOUND_ERRORS, EXIT_INTERRUPTED, EXIT_PASSED, EXIT_USAGE, HarnessError

OPENING = """# Exit codes

The code says who has to act: 0 nobody, 1 the student, 2 and 3 whoever typed the command, 4 and 5 who
looks after the machine.
"""
FAULTS = """
## Faults

What we or the machine caused is an exception of [harness/errors.py](../../harness/errors.py). It carries a remedy, ends
a command with its exit code, and never becomes a zero: the record of a submission that was under way says *not graded*.
What a student caused is a finding instead and never comes through here.
"""


def exits_page() -> str:
    """Give the page."""
    rows = [f"| {code} | {when} |" for code, when in sorted(_meanings().items())]
    return "\n".join(
        [OPENING, "| code | when |", "|---|---|", *rows, FAULTS, "```text", *_tree(HarnessError), "```", ""]
    )


def _meanings() -> dict[int, str]:
    meanings = {
        EXIT_PASSED: "passed; of a class: all are graded, whatever their grades",
        EXIT_FOUND_ERRORS: "the submission has errors, or the command found what it looks for: damage, a wrong file",
        EXIT_USAGE: "the command line is wrong: `--help` says how it is meant",
        EXIT_BUG: "a bug: run again with `HARNESS_DEBUG=1` and report what it prints",
        EXIT_INTERRUPTED: f"{_sentence(errors.Cancelled)}; `--resume` goes on",
    }
    for kind in _children(HarnessError):
        before = meanings.get(kind.exit_code)
        words = f"`{kind.__name__}`: {_sentence(kind)}"
        meanings[kind.exit_code] = f"{before}<br>{words}" if before else words
    return meanings


def _tree(kind: type[HarnessError], depth: int = 0) -> Iterator[str]:
    name = "    " * depth + kind.__name__
    yield f"{name:<24}{kind.exit_code:>2}  {_sentence(kind)}"
    for child in _children(kind):
        yield from _tree(child, depth + 1)


def _children(kind: type[HarnessError]) -> list[type[HarnessError]]:
    """Give those of `harness.errors` itself: modules have finer ones, and which are there depends on what is loaded."""
    return [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]


def _sentence(kind: type[BaseException]) -> str:
    first = (inspect.getdoc(kind) or "").splitlines()[0]
    return first[0].lower() + first[1:].removesuffix(".")
