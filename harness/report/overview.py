"""A run in a terminal: a row a submission, and what stands out. Must not read files."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.model.catalogue import CATALOGUE
from harness.model.result import Fault, Outcome, Record
from harness.report.run_summary import show_not_graded
from harness.report.run_view import WORDS
from harness.text import visible

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.NOT_GRADED: "yellow"}
_MOST_CODES = 8


def show_overview(console: Console, records: Sequence[Record], left_out: Mapping[str, str]) -> None:
    """Print it.

    Args:
        console: Where to.
        records: Those that can be trusted.
        left_out: Why other submissions have none that can, by id.
    """
    console.print(_table(records))
    counts = Counter(one.outcome for one in records)
    parts = [f"{len(records) + len(left_out)} submissions"]
    parts += [f"{counts[outcome]} {WORDS[outcome]}" for outcome in Outcome if counts[outcome]]
    console.print(Text(" · ".join(parts), style="bold"))
    totals = [one.verdict.total for one in records if one.verdict]
    if totals:
        middle = statistics.median(totals)
        console.print(f"points: median {middle:g}, lowest {min(totals):g}, highest {max(totals):g}", highlight=False)
    _print_codes(console, records)
    show_not_graded(console, {one.submission.id: _harmless(one.fault) for one in records if one.fault})
    for name, why in left_out.items():
        console.print(Text(f"left out: {visible(name)}: {visible(why)}", style="bold yellow"), soft_wrap=True)


def _table(records: Sequence[Record]) -> Table:
    table = Table()
    table.add_column("Submission", overflow="fold")
    table.add_column("Outcome", no_wrap=True)
    for heading in ("Points", "Late", "Perplexity"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Errors", overflow="fold")
    for one in records:
        verdict = one.verdict
        table.add_row(
            Text(visible(one.submission.id)),
            Text(WORDS[one.outcome], style=_STYLES[one.outcome]),
            f"{verdict.total:g} / {verdict.possible:g}" if verdict else "",
            f"{-verdict.late_penalty:g}" if verdict and verdict.late_penalty else "",
            f"{one.score.perplexity:.3f}" if one.score else "",
            " ".join(one.error_codes),
        )
    return table


def _print_codes(console: Console, records: Sequence[Record]) -> None:
    codes = Counter(code for one in records for code in one.error_codes)
    for code, count in codes.most_common(_MOST_CODES):
        title = CATALOGUE[code].title if code in CATALOGUE else ""
        console.print(Text(f"found: {code} {count}x {title}", style="red"), soft_wrap=True)


def _harmless(fault: Fault) -> Fault:
    """Give a fault that was read from a file, in words that do nothing to a terminal."""
    return replace(fault, message=visible(fault.message), remedy=visible(fault.remedy))
