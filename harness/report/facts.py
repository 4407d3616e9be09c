"""What `doctor` found, as a table. Must not find anything out itself."""

from dataclasses import dataclass
from enum import StrEnum

from rich.table import Table
from rich.text import Text

from harness.errors import HarnessError


class Health(StrEnum):
    """How a fact stands: `lacking` keeps some work from being done, `note` does not."""

    FINE = "fine"
    NOTE = "note"
    LACKING = "lacking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact about this machine: what was seen, and what to do where it lacks."""

    name: str
    health: Health
    seen: str
    remedy: str = ""


def lacking(name: str, error: HarnessError) -> Fact:
    """Give what could not be had, and why."""
    return Fact(name=name, health=Health.LACKING, seen=str(error), remedy=error.remedy)


COLOURS = {Health.FINE: "green", Health.NOTE: "cyan", Health.LACKING: "red"}


def facts_table(facts: tuple[Fact, ...]) -> Table:
    """A row a fact."""
    table = Table(title="This machine", title_justify="left")
    table.add_column("What", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Seen, and what to do", overflow="fold")
    for fact in facts:
        words = Text(fact.seen)
        if fact.remedy:
            words.append(f"\n-> {fact.remedy}", style="bold" if fact.health is Health.LACKING else "")
        table.add_row(fact.name, f"[{COLOURS[fact.health]}]{fact.health}[/]", words)
    return table
