"""Workflow commands. The invariant: one line is one command of ours, and the runner reads back what was put in."""

import re
from dataclasses import replace

from harness.language import Language
from harness.model.finding import Severity
from harness.model.result import Outcome, Record, StageStatus
from harness.report.formats.github import github

COMMAND = re.compile(r"::(error|warning|notice) ([^:\r\n]*)::([^\r\n]*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Read a line as the runner does: the first `::` after the command's name ends the properties."""
    found = COMMAND.fullmatch(line)
    assert found is not None, line
    properties = dict(one.split("=", 1) for one in found[2].split(","))
    return found[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(found[3])


def unescaped(text: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_each_kind_of_finding(mixed: Record, t: Language) -> None:
    assert github(mixed, t=t).splitlines() == [
        "::warning title=INT006 student id not found::no id%0AWhat to do: Name the folder or archive after the student "
        "id, or give it with --student-id.",
        "::notice title=PAR003 files are not those of the check::1 changed%0AWhat to do: If that was not meant, check "
        "the folder again and pack that.",
        "::error file=run.sh,line=3,col=1,title=RUN003 run.sh ended with an error::run.sh ended with exit code 3.%0A"
        f"Limit: exit code 0%0AWhat to do: {mixed.stages[1].findings[0].fix}",
        "::error file=predictions.json,line=2,col=5,title=VAL002 predictions do not match the schema::`outputs`%0A"
        "Limit: `output`%0APlace: /0/outputs%0AWhat to do: Write a list of objects with the strings `id` and `output`.",
        "::error title=harness check::r13921031: errors found",
    ]


def test_a_submission_in_a_folder_of_the_repository(mixed: Record, t: Language) -> None:
    _, properties, _ = read(github(mixed, t=t, prefix="homework/1, or: 2").splitlines()[2])
    assert properties["file"] == "homework/1, or: 2/run.sh"


def test_a_fault_and_a_quick_check(faulty: Record, quick: Record, t: Language) -> None:
    assert github(faulty, t=t).splitlines() == [
        "::error title=harness check::The engine is gone.%0AStart it again.",
        "::error title=harness check::r13921031: not graded (the submission is not to blame)",
    ]
    assert github(quick, t=t).splitlines() == [
        "::notice title=harness check::Not looked at: validate; run `harness check` without --quick.",
        "::notice title=harness check::r13921031: nothing wrong in what was looked at",
    ]


def test_nothing_hostile_becomes_a_command(hostile: Record, t: Language) -> None:
    text = github(hostile, t=t)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert len(lines) == 2, "a finding and the outcome"
    assert not [char for char in text if char != "\n" and (ord(char) < 32 or char in "\x7f\u2028\u202e\ufffe\uffff")]
    name, properties, data = read(lines[0])
    assert name == "error"
    assert set(properties) == {"file", "line", "title"}
    assert properties["file"].startswith("a,b:c%0A::error::x]]>\\x1b[31m\\r")
    assert properties["title"].startswith("RUN003 100%\n::set-output name=x::y\\r\n##[error]z\n]]><x")
    assert data.startswith("100%\n::set-output name=x::y\\r\n##[error]z\n]]>")
    assert lines[0].startswith("::error "), "the runner looks for old commands, `##[`, in other lines alone"


def test_staff_detail_stays_out(mixed: Record, t: Language) -> None:
    secret = replace(mixed.stages[1].findings[0], staff_detail="the reference text")
    assert "reference text" not in github(replace(mixed, stages=(replace(mixed.stages[1], findings=(secret,)),)), t=t)


def test_every_severity_has_a_command(mixed: Record, t: Language) -> None:
    passed = replace(mixed, outcome=Outcome.PASSED, stages=(replace(mixed.stages[0], status=StageStatus.PASSED),))
    kinds = [read(line)[0] for line in github(passed, t=t).splitlines()]
    assert kinds == ["warning", "notice", "notice"]
    assert len(Severity) == 3
