"""What a run came to, for the end of the command line: counts, who was not graded and why, how to go on."""

import shlex
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.model.result import Fault
from harness.report.run_state import RunState
from harness.report.run_view import clock_words, headline, stage_counts

_MOST_IDS = 8


def show_summary(
    console: Console,
    state: RunState,
    *,
    not_graded: Mapping[str, Fault],
    stopped: Fault | None,
    folder: Path,
) -> None:
    """Print it.

    Args:
        console: Where to.
        state: The counts.
        not_graded: Why submissions of this start have no grade.
        stopped: The fault at which the run was given up, or None.
        folder: The run folder.
    """
    console.print(headline(state), highlight=False)
    if state.stages:
        console.print(stage_counts(state), highlight=False)
    show_not_graded(console, not_graded)
    if stopped:
        console.print(Text("Stopped: one after another ended in a fault that is not theirs.", style="bold yellow"))
    left = state.total - state.before - state.done + len(not_graded)
    if left > 0:
        console.print(Text(f"{left} left: harness grade --resume {shlex.quote(str(folder))}"), soft_wrap=True)
    console.print(Text(f"{clock_words(state.elapsed_s)}; grades.csv, records, evidence: {folder}"), soft_wrap=True)


def show_not_graded(console: Console, faults: Mapping[str, Fault]) -> None:
    """Print who was not graded, by what the fault was and what to do about it.

    Args:
        console: Where to.
        faults: Why submissions have no grade, by id.
    """
    by_fault = sorted((fault.message, fault.remedy, name) for name, fault in faults.items())
    for (message, remedy), rows in groupby(by_fault, key=lambda row: row[:2]):
        names = [name for _, _, name in rows]
        shown = ", ".join(names[:_MOST_IDS]) + (f" and {len(names) - _MOST_IDS} more" if len(names) > _MOST_IDS else "")
        console.print(Text(f"not graded: {shown}", style="bold yellow"), soft_wrap=True)
        console.print(Text(f"  {message}\n  {remedy}", style="yellow"), soft_wrap=True)
