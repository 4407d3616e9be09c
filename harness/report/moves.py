"""Who moved in a regrade: tables for a terminal, JSON and CSV for files. Must not know how the grades came about."""

import csv
from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.model.regrade import LeftOut, Move, Near, Regraded, Rescored
from harness.schema.decode import encode

COLUMNS = ("id", "before", "after", "change", "possible_before", "possible_after", "why")


def show_regraded(done: Regraded, console: Console) -> None:
    """Print who moved, what was left out, which scores are near a threshold, and the counts."""
    if done.moves:
        console.print(moves_table(done.moves))
    show_near(done, console)
    for note in done.notes:
        console.print(Text(note))
    console.print(Text(counts_words(done)))


def show_near(done: Regraded, console: Console) -> None:
    """Print the scores near a threshold, and what was left out."""
    if done.left_out:
        console.print(left_out_table(done.left_out))
    band = f"{done.tolerance * 100:g} %"
    if done.near:
        console.print(near_table(done.near, band))
    else:
        console.print(Text(f"No score is within {band} of a threshold."))
    if done.rescored:
        console.print(rescored_table(done.rescored))


def moves_table(moves: Sequence[Move]) -> Table:
    """A row a submission whose grade is another."""
    table = Table(title="Moved", title_justify="left")
    table.add_column("Submission", overflow="fold", min_width=10)
    for heading in ("From", "To", "By"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Why", overflow="fold", ratio=1)
    for one in moves:
        by = Text(f"{one.change:+g}", style="green" if one.change > 0 else "red")
        table.add_row(Text(one.id), f"{one.before:g}", f"{one.after:g}", by, Text("\n".join(one.why)))
    return table


def left_out_table(left_out: Sequence[LeftOut]) -> Table:
    """A row a submission that has no new record."""
    table = Table(title="Left out: no new record", title_justify="left")
    table.add_column("Submission", overflow="fold", min_width=10)
    table.add_column("Why", overflow="fold", ratio=1)
    for one in left_out:
        table.add_row(Text(one.id), Text(one.reason))
    return table


def near_table(near: Sequence[Near], band: str) -> Table:
    """A row a score that another GPU could put on the other side of a threshold."""
    table = Table(title=f"Within {band} of a threshold", title_justify="left")
    table.add_column("Submission", overflow="fold", min_width=10)
    table.add_column("Line", overflow="fold", ratio=1)
    for heading in ("Score", "Threshold", "Distance"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Points", no_wrap=True)
    for one in near:
        figures = (f"{one.score:.3f}", f"{one.threshold:g}", f"{one.distance * 100:+.3f} %")
        table.add_row(Text(one.id), Text(one.line), *figures, "earned" if one.earned else "not earned")
    return table


def rescored_table(rescored: Sequence[Rescored]) -> Table:
    """A row a borderline score that was to be taken again. No grade changes by it."""
    table = Table(title="Scored again", title_justify="left")
    table.add_column("Submission", overflow="fold", min_width=10)
    table.add_column("Line", overflow="fold", ratio=1)
    for heading in ("Threshold", "Before", "Again"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Decision", overflow="fold", ratio=1)
    for one in rescored:
        again = "" if one.after is None else f"{one.after:.3f}"
        decision = {True: "stands", False: "turns", None: f"not scored: {one.problem}"}[one.stands]
        table.add_row(Text(one.id), Text(one.line), f"{one.threshold:g}", f"{one.before:.3f}", again, Text(decision))
    return table


def counts_words(done: Regraded) -> str:
    """Say how many moved which way, and how many did not."""
    counts = _counts(done)
    words = f"{counts['up']} up, {counts['down']} down, {counts['unchanged']} unchanged"
    if counts["not_graded"]:
        words += f", {counts['not_graded']} still not graded"
    if counts["left_out"]:
        words += f", {counts['left_out']} left out"
    return f"{words}."


def moves_json(done: Regraded) -> dict[str, object]:
    """Give all of it as JSON values."""
    return {
        "assignment": done.assignment,
        "assignment_sha256": done.assignment_sha256,
        "counts": _counts(done),
        "moved": [{**encode(one), "change": one.change} for one in done.moves],
        "not_graded": list(done.not_graded),
        "left_out": encode(done.left_out),
        "tolerance": done.tolerance,
        "borderline": [{**encode(one), "distance": one.distance, "earned": one.earned} for one in done.near],
        "rescored": [{**encode(one), "stands": one.stands} for one in done.rescored],
        "notes": list(done.notes),
    }


def moves_csv(moves: Sequence[Move]) -> str:
    """Give the moves as CSV, a row a submission; the reasons are joined by semicolons."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in moves:
        grades = (one.before, one.after, one.change, one.possible_before, one.possible_after)
        rows.writerow((one.id, *(f"{value:g}" for value in grades), "; ".join(one.why)))
    return text.getvalue()


def _counts(done: Regraded) -> dict[str, int]:
    return {
        "up": sum(one.change > 0 for one in done.moves),
        "down": sum(one.change < 0 for one in done.moves),
        "unchanged": done.unchanged,
        "not_graded": len(done.not_graded),
        "left_out": len(done.left_out),
    }
