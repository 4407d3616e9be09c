"""The end of a check's text: how much room there was, what was left out, what to do next."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.language import Language
from harness.model.result import Record
from harness.report.headroom import Headroom, headroom_lines
from harness.report.next_steps import next_steps


def show_headroom(found: tuple[Headroom, ...], console: Console, t: Language) -> None:
    """Print a line for each stage that has a budget."""
    if found:
        console.print(Text(t("Budgets"), style="italic"))
        console.print(Padding(headroom_lines(found, t), (0, 0, 0, 1)))


def show_next(
    record: Record, console: Console, *, headroom: tuple[Headroom, ...] = (), packed: bool, t: Language
) -> None:
    """Print what to do next, numbered where it is more than one thing."""
    steps = next_steps(record, headroom=headroom, packed=packed)
    if not steps:
        return
    console.print(Text(t("What to do next"), style="italic"))
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim")
    table.add_column(overflow="fold")
    for number, one in enumerate(steps, start=1):
        table.add_row(f"{number}." if len(steps) > 1 else "-", Text(t.of(one)))
    console.print(Padding(table, (0, 0, 0, 1)))
