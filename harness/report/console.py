"""A record in a terminal: stages, findings, scores, points, place of the evidence. Width comes from the console."""

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.language import Language
from harness.model.finding import Finding
from harness.model.result import Outcome, Record, Score, StageResult, StageStatus, TextMetrics, Verdict
from harness.model.status_words import SEVERITY_WORDS, STATUS_WORDS, ended
from harness.report.block import block
from harness.report.check_report import show_headroom
from harness.report.headroom import LEAST_SHOWN, Headroom
from harness.report.severities import COLOURS, by_severity, group_heading

STYLES = {
    StageStatus.PASSED: "green",
    StageStatus.FAILED: "red",
    StageStatus.SKIPPED: "dim",
    StageStatus.FAULT: "yellow",
}
OUTCOME_STYLES = {Outcome.PASSED: "bold green", Outcome.FAILED: "bold red", Outcome.NOT_GRADED: "bold yellow"}


def show(
    record: Record, console: Console, *, folder: Path | None, t: Language, headroom: tuple[Headroom, ...] = ()
) -> None:
    """Print the whole record.

    Args:
        record: What to print.
        console: Where to.
        folder: Where it is kept, if it is.
        t: The language.
        headroom: What the stages used of their budgets.
    """
    console.print(stage_table(record.stages, t))
    for severity, group in by_severity(record.findings):
        console.print(Text(t.of(group_heading(severity, len(group))), style=f"bold {COLOURS[severity]}"))
        for finding in group:
            console.print(Padding(finding_block(finding, t), (0, 0, 0, 1)))
    if record.fault:
        console.print(fault_block(record))
    if record.score:
        console.print(score_table(record.score, record.assignment.base_model, t))
    if record.text:
        console.print(text_block(record.text, t))
    if record.verdict:
        console.print(points_table(record.verdict, t))
    show_headroom(headroom, console, t)
    if not record.isolated and not record.quick:
        console.print(Text(t("Process sandbox: this run was NOT isolated from the machine."), style="yellow"))
    console.print(Text.assemble(f"{record.submission.id}: ", (t.of(ended(record)), OUTCOME_STYLES[record.outcome])))
    if folder is not None:
        console.print(Text(t("Evidence: {folder}", folder=str(folder))), soft_wrap=True)


def stage_table(stages: tuple[StageResult, ...], t: Language) -> Table:
    """A row a stage: how it ended, its time, how much of the budget that was."""
    table = Table(title=t("Stages"), title_justify="left")
    for heading in (t("Stage"), t("Status")):
        table.add_column(heading, no_wrap=True)
    for heading in (t("Time"), t("Budget used")):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(t("Result"), overflow="fold")
    for one in stages:
        time = t("{time:.1f} s", time=one.duration_s) if one.status is not StageStatus.SKIPPED else ""
        status = Text(t.of(STATUS_WORDS[one.status]), style=STYLES[one.status])
        table.add_row(one.stage, status, time, _share(one, t), Text(t.of(one.summary)))
    return table


def _share(stage: StageResult, t: Language) -> str:
    if not stage.budget_s:
        return ""
    if (share := stage.duration_s / stage.budget_s) < LEAST_SHOWN:
        return t("under {least:.0%} of {budget:g} s", least=LEAST_SHOWN, budget=stage.budget_s)
    return t("{share:.0%} of {budget:g} s", share=share, budget=stage.budget_s)


def finding_block(finding: Finding, t: Language) -> RenderableType:
    """One finding: code and title, where, what was seen, the limit, how to fix it."""
    colour = COLOURS[finding.severity]
    severity = t.of(SEVERITY_WORDS[finding.severity])
    head = Text.assemble((f"{severity} {finding.code}", f"bold {colour}"), f" {t.of(finding.title)}")
    if finding.where:
        head.append(f"  ({t.of(finding.where.words)})", style="dim")
    rows = (
        (t("line"), finding.excerpt),
        (t("seen"), finding.seen),
        (t("limit"), finding.limit),
        (t("staff"), finding.staff_detail),
        (t("fix"), finding.fix),
    )
    return block(head, ((label, t.of(text)) for label, text in rows if text))


def fault_block(record: Record) -> RenderableType:
    """A fault of ours or the machine's, with what to do."""
    assert record.fault is not None
    return Group(
        Text(f"{record.fault.kind}: {record.fault.message}", style="yellow"),
        Padding(Text(record.fault.remedy), (0, 0, 0, 2)),
    )


def score_table(score: Score, base_model: str, t: Language) -> Table:
    """Perplexity of the base model beside the adapter's."""
    table = Table(title=t("Perplexity (lower is better)"), title_justify="left")
    for heading in (
        t("Examples"),
        escape(t("Base {model}", model=base_model)),
        t("Adapter"),
        t("Base / adapter"),
        t("Corpus"),
        t("Bits/char"),
    ):
        table.add_column(heading, justify="right")
    table.add_row(
        str(score.examples),
        f"{score.base_perplexity:.3f}",
        f"[bold]{score.perplexity:.3f}[/]",
        f"{score.base_perplexity / score.perplexity:.2f}x",
        f"{score.corpus_perplexity:.3f}",
        f"{score.bits_per_character:.3f}",
    )
    return table


def text_block(text: TextMetrics, t: Language) -> RenderableType:
    """The text metrics in one row, and under it the signatures that make them comparable elsewhere."""
    table = Table(title=t("Text metrics (predictions against references)"), title_justify="left")
    for heading in ("chrF++", "BLEU", t("Exact match"), t("Length ratio"), t("Empty"), t("Copied")):
        table.add_column(heading, justify="right")
    table.add_row(
        f"{text.chrf:.2f}",
        f"{text.bleu:.2f}",
        f"{text.exact_match:.1%}",
        f"{text.length_ratio:.2f}",
        f"{text.empty:.1%}",
        f"{text.copied:.1%}",
    )
    signatures = f"chrF++ {text.chrf_signature}\nBLEU   {text.bleu_signature}"
    return Group(table, Padding(Text(signatures, style="dim"), (0, 0, 0, 1)))


def points_table(verdict: Verdict, t: Language) -> Table:
    """A row a line of the rubric, then the penalty and the sum."""
    table = Table(title=t("Points"), title_justify="left", show_footer=True)
    table.add_column(t("Rubric"), footer=t("Total"), overflow="fold")
    table.add_column(t("Points"), justify="right", footer=f"{verdict.total:g} / {verdict.possible:g}", no_wrap=True)
    table.add_column(t("Why"), overflow="fold")
    for one in verdict.points:
        table.add_row(Text(one.name), f"{one.earned:g} / {one.possible:g}", Text(t.of(one.reason)))
    table.add_row(t("Late penalty"), f"{-verdict.late_penalty + 0:g}", Text(t.of(verdict.late_reason)))
    return table
