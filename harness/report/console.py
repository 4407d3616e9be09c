"""A record in a terminal: stages, findings, scores, points, place of the evidence. Width comes from the console."""

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.language import Language
from harness.model.finding import Finding, Severity
from harness.model.result import Outcome, Record, Score, StageResult, StageStatus, TextMetrics, Verdict
from harness.report.check_report import show_headroom
from harness.report.headroom import Headroom
from harness.report.severities import by_severity, group_heading

MARKS = {
    StageStatus.PASSED: "[green]passed[/]",
    StageStatus.FAILED: "[red]failed[/]",
    StageStatus.SKIPPED: "[dim]skipped[/]",
    StageStatus.FAULT: "[yellow]our fault[/]",
}
COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
HEADLINES = {
    Outcome.PASSED: "[bold green]passed[/]",
    Outcome.FAILED: "[bold red]errors found[/]",
    Outcome.NOT_GRADED: "[bold yellow]not graded[/] (the submission is not to blame)",
}


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
    console.print(stage_table(record.stages))
    for severity, group in by_severity(record.findings):
        console.print(Text(t.of(group_heading(severity, len(group))), style=f"bold {COLOURS[severity]}"))
        for finding in group:
            console.print(Padding(finding_block(finding), (0, 0, 0, 1)))
    if record.fault:
        console.print(fault_block(record))
    if record.score:
        console.print(score_table(record.score, record.assignment.base_model))
    if record.text:
        console.print(text_block(record.text))
    if record.verdict:
        console.print(points_table(record.verdict))
    show_headroom(headroom, console, t)
    if not record.isolated:
        console.print("[yellow]Process sandbox: this run was NOT isolated from the machine.[/]")
    headline = HEADLINES[record.outcome]
    if record.quick and record.outcome is Outcome.PASSED:
        headline = f"[bold green]{escape(t('nothing wrong in what was looked at'))}[/]"
    console.print(f"{escape(record.submission.id)}: {headline}", highlight=False)
    if folder is not None:
        console.print(f"Evidence: {escape(str(folder))}", highlight=False, soft_wrap=True)


def stage_table(stages: tuple[StageResult, ...]) -> Table:
    """A row a stage: how it ended, its time, how much of the budget that was."""
    table = Table(title="Stages", title_justify="left")
    for heading, justify in (("Stage", "left"), ("Status", "left"), ("Time", "right"), ("Budget used", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("Result", overflow="fold")
    for one in stages:
        ran = one.status is not StageStatus.SKIPPED
        share = f"{one.duration_s / one.budget_s:.1%} of {one.budget_s:g} s" if one.budget_s else ""
        table.add_row(one.stage, MARKS[one.status], f"{one.duration_s:.1f} s" if ran else "", share, Text(one.summary))
    return table


def finding_block(finding: Finding) -> RenderableType:
    """One finding: code and title, where, what was seen, the limit, how to fix it."""
    colour = COLOURS[finding.severity]
    head = Text.assemble((f"{finding.severity} {finding.code}", f"bold {colour}"), f" {finding.title}")
    if finding.where:
        head.append(f"  ({finding.where})", style="dim")
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True, style="dim")
    lines.add_column(overflow="fold")
    for label, text in (
        ("seen", finding.seen),
        ("limit", finding.limit),
        ("staff", finding.staff_detail),
        ("fix", finding.fix),
    ):
        if text:
            lines.add_row(label, Text(text))
    return Group(head, Padding(lines, (0, 0, 0, 2)))


def fault_block(record: Record) -> RenderableType:
    """A fault of ours or the machine's, with what to do."""
    assert record.fault is not None
    return Group(
        Text(f"{record.fault.kind}: {record.fault.message}", style="yellow"),
        Padding(Text(record.fault.remedy), (0, 0, 0, 2)),
    )


def score_table(score: Score, base_model: str) -> Table:
    """Perplexity of the base model beside the adapter's."""
    table = Table(title="Perplexity (lower is better)", title_justify="left")
    for heading in ("Examples", f"Base {base_model}", "Adapter", "Base / adapter", "Corpus", "Bits/char"):
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


def text_block(text: TextMetrics) -> RenderableType:
    """The text metrics in one row, and under it the signatures that make them comparable elsewhere."""
    table = Table(title="Text metrics (predictions against references)", title_justify="left")
    for heading in ("chrF++", "BLEU", "Exact match", "Length ratio", "Empty", "Copied"):
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


def points_table(verdict: Verdict) -> Table:
    """A row a line of the rubric, then the penalty and the sum."""
    table = Table(title="Points", title_justify="left", show_footer=True)
    table.add_column("Rubric", footer="Total", overflow="fold")
    table.add_column("Points", justify="right", footer=f"{verdict.total:g} / {verdict.possible:g}", no_wrap=True)
    table.add_column("Why", overflow="fold")
    for one in verdict.points:
        table.add_row(Text(one.name), f"{one.earned:g} / {one.possible:g}", Text(one.reason))
    table.add_row("Late penalty", f"{-verdict.late_penalty + 0:g}", Text(verdict.late_reason))
    return table
