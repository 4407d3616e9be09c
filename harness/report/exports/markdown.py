"""Feedback for a student as a Markdown file that reads well as plain text, too. Public content only.

What is not ours is text in it, whatever it holds: no link, image, heading or HTML comes of it.
"""

import re
from collections.abc import Sequence

from harness.language import Language
from harness.model.finding import Finding
from harness.model.result import Record, StageResult, StageStatus
from harness.report.exports.feedback import finding_head, is_graded, status_words
from harness.report.severities import errors_first

_CODE = re.compile(r"(?<!`)`(?!`)([^`\n]+)(?<!`)`(?!`)")
# An underscore between letters or digits, as in a file's name, means nothing in Markdown and reads better bare.
_SPECIAL = re.compile(r"([\\`*\[\]|~$<>&]|(?<![^\W_])_|_(?![^\W_]))")
# What GitHub's flavour makes links of by itself: addresses of the web, of people, and names behind an @.
_BARE = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_AT = re.compile(r"[\w.+@-]+")
_BLOCK = re.compile(r"^([-+=#]|\d+(?=[.)](?:\s|$)))")


def feedback_markdown(record: Record, t: Language, *, title: str) -> str:
    """Give the file.

    Args:
        record: The record.
        t: The language.
        title: What was assigned.
    """
    heading = t("Feedback for {student}: {assignment}", student=record.submission.id, assignment=title)
    parts = [f"# {escaped(heading)}", f"**{escaped(status_words(record, t))}**"]
    parts += [part for part in (_points(record, t), _score(record, t), _findings(record, t), _time(record, t)) if part]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Give one line of Markdown that shows the text; code in `backticks` stays code, line breaks become spaces.

    What holds an @ becomes code: a backslash before it does not keep GitHub from making a link or a mention of it.
    """
    line, shown, last = " ".join(text.split()), "", 0
    for code in _CODE.finditer(line):
        shown = _beside(_beside(shown, _outside_code(line[last : code.start()])), code[0].replace("|", "\\|"))
        last = code.end()
    return _BLOCK.sub(_at_begin, _beside(shown, _outside_code(line[last:])))


def _outside_code(text: str) -> str:
    shown, last = "", 0
    for word in _AT.finditer(text):
        if "@" in (code := word[0].rstrip(".")):
            shown += f"{_plain(text[last : word.start()])}`{code}`"
            last = word.start() + len(code)
    return shown + _plain(text[last:])


def _plain(text: str) -> str:
    return _BARE.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\1", text))


def _beside(left: str, right: str) -> str:
    """Join; two codes that touch would be one."""
    return f"{left} {right}" if left.endswith("`") and right.startswith("`") else left + right


def _at_begin(found: re.Match[str]) -> str:
    return f"{found[1]}\\" if found[1].isdigit() else f"\\{found[1]}"


def _points(record: Record, t: Language) -> str:
    if record.verdict is None or not is_graded(record):
        return ""
    rows = [
        (one.name, t("{earned:g} of {possible:g}", earned=one.earned, possible=one.possible), t.of(one.reason))
        for one in record.verdict.points
    ]
    penalty = f"{-record.verdict.late_penalty + 0:g}"
    rows.append((t("Late penalty"), penalty, t.of(record.verdict.late_reason)))
    return _section(t("Points"), _table((t("Rubric"), t("Points"), t("Why")), rows))


def _score(record: Record, t: Language) -> str:
    if record.score is None or not is_graded(record):
        return ""
    lines = [
        t(
            "Perplexity {adapter:.3f}; the base model has {base:.3f}. Lower is better.",
            adapter=record.score.perplexity,
            base=record.score.base_perplexity,
        )
    ]
    if record.text:
        lines.append(t("chrF++ {chrf:.2f}, BLEU {bleu:.2f}.", chrf=record.text.chrf, bleu=record.text.bleu))
    return _section(t("Score"), "\n\n".join(map(escaped, lines)))


def _findings(record: Record, t: Language) -> str:
    if not record.findings:
        nothing = escaped(t("Nothing was found that needs a change."))
        return _section(t("Findings"), nothing) if is_graded(record) else ""
    blocks = [_finding(one, t) for one in errors_first(record.findings)]
    return _section(t("Findings"), "\n\n".join(blocks))


def _finding(finding: Finding, t: Language) -> str:
    rows = [(t("Seen"), finding.seen), (t("Limit"), finding.limit), (t("What to do"), finding.fix)]
    lines = [f"- **{escaped(name)}:** {_lines(t.of(text))}" for name, text in rows if text]
    return "\n".join([f"### {escaped(finding_head(finding, t))}", "", *lines])


def _lines(text: str) -> str:
    return "  \n  ".join(escaped(line) for line in text.split("\n") if line.strip())


def _time(record: Record, t: Language) -> str:
    rows = [_headroom(one, t) for one in record.stages if one.status is not StageStatus.SKIPPED and one.budget_s]
    return _section(t("Time used"), _table((t("Stage"), t("Time"), t("Share of the budget")), rows)) if rows else ""


def _headroom(stage: StageResult, t: Language) -> tuple[str, str, str]:
    assert stage.budget_s
    share = t("{share:.1%} of {budget:g} s", share=stage.duration_s / stage.budget_s, budget=stage.budget_s)
    return stage.stage, f"{stage.duration_s:.1f} s", share


def _section(heading: str, body: str) -> str:
    return f"## {escaped(heading)}\n\n{body}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join([_cells(head), _cells_of_rule(len(head)), *map(_cells, rows)])


def _cells(texts: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(escaped, texts))} |"


def _cells_of_rule(count: int) -> str:
    return f"|{'---|' * count}"
