"""A record as workflow commands of GitHub Actions, which become annotations on the lines of a pull request.

Whatever a finding quotes, a line that is printed here is one command, ours: data and properties are escaped as the
runner unescapes them, and control characters are gone before. GitHub shows ten errors and ten warnings of a step.
"""

from harness.language import Language
from harness.model.finding import Finding, Severity
from harness.model.result import Outcome, Record
from harness.report.formats.places import clean, file_of, words_of
from harness.report.next_steps import not_looked_at, outcome_words

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_TITLE = "harness check"


def github(record: Record, *, t: Language, prefix: str = "") -> str:
    """Write a command a finding, then how it ended."""
    lines = [_finding(one, t, prefix) for one in record.findings]
    if record.fault is not None:
        lines.append(_command("error", f"{t.of(record.fault.message)}\n{t.of(record.fault.remedy)}", title=_TITLE))
    lines += [_command("notice", t.of(one), title=_TITLE) for one in not_looked_at(record)]
    level = "notice" if record.outcome is Outcome.PASSED else "error"
    lines.append(_command(level, t.of(outcome_words(record)), title=_TITLE))
    return "".join(f"{line}\n" for line in lines)


def _finding(one: Finding, t: Language, prefix: str) -> str:
    place: dict[str, str] = {}
    if (file := file_of(one, prefix)) and one.where:
        place["file"] = file
        place |= {"line": str(one.where.line)} if one.where.line else {}
        place |= {"col": str(one.where.column)} if one.where.column else {}
    return _command(_COMMANDS[one.severity], words_of(one, t), **place, title=f"{one.code} {t.of(one.title)}")


def _command(name: str, data: str, **properties: str) -> str:
    written = ",".join(f"{key}={_escaped(clean(value), ':,')}" for key, value in properties.items())
    return f"::{name} {written}::{_escaped(clean(data))}"


def _escaped(text: str, also: str = "") -> str:
    """Escape as the runner unescapes: `%` first, then line ends, in properties colon and comma, too."""
    for one in f"%\r\n{also}":
        text = text.replace(one, f"%{ord(one):02X}")
    return text
