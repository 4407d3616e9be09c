"""Shows a run as it goes: a live view in a terminal, a line for each submission elsewhere. Decides nothing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.model.event import Distrusted, Event, Interrupted, NodeChanged, Planned, Recorded, Retrying
from harness.model.result import Outcome, Record, StageStatus
from harness.report.run_state import RunState

_MOST_ROWS = 12
_MOST_CODES = 6
_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.NOT_GRADED: "yellow"}
WORDS = {Outcome.PASSED: "passed", Outcome.FAILED: "with errors", Outcome.NOT_GRADED: "not graded"}


class RunView:
    """A view of a run's events.

    Args:
        console: Where to show it; standard error, so that results on standard output stay clean.
        state: Is kept up to date by somebody else.
    """

    def __init__(self, console: Console, state: RunState) -> None:
        self._console = console
        self._state = state

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it for the time of the block; what is left afterwards are the lines."""
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._whole, console=self._console, refresh_per_second=4, transient=True):
            yield

    def on_event(self, event: Event) -> None:
        """Print the line of an event that has one."""
        line = self._line(event)
        if line is not None:
            self._console.print(line, soft_wrap=True, highlight=False)

    def _line(self, event: Event) -> Text | None:
        match event:
            case Planned():
                words = f"{len(event.submissions)} to grade"
                return Text(words + (f", {event.graded} graded before" if event.graded else ""))
            case Recorded():
                with self._state.lock:
                    head = f"{self._state.before + self._state.done}/{self._state.total}"
                return record_line(event.record, head=head)
            case Retrying():
                words = f"{event.submission}: {event.fault.message} Try {event.attempt + 1} in {event.wait_s:g} s."
                return Text(words, style="yellow")
            case Distrusted():
                return Text(f"{event.submission}: {event.why}\nMoved to {event.place}; graded again.", style="yellow")
            case NodeChanged():
                style = "dim" if event.state == "ready" else "yellow"
                return Text(f"{event.node}: {event.state}; {event.words}", style=style)
            case Interrupted(now=True):
                return Text("Ending now.", style="yellow")
            case Interrupted():
                words = f"Finishing what is under way, {event.left} will not be begun; press Ctrl-C again to end now."
                return Text(words, style="yellow")
            case _:
                return None

    def _whole(self) -> RenderableType:
        with self._state.lock:
            return Group(headline(self._state), stage_counts(self._state), under_way(self._state))


def record_line(record: Record, *, head: str) -> Text:
    """Tell how one submission ended, on one line."""
    line = Text(f"{head:>9}  ", style="dim")
    line.append(f"{record.submission.id:<12} ", style="default")
    line.append(f"{WORDS[record.outcome]:<12}", style=_STYLES[record.outcome])
    if record.verdict:
        line.append(f" {record.verdict.total:g}/{record.verdict.possible:g}", style="default")
        if record.verdict.late_penalty:
            line.append(f" (late: -{record.verdict.late_penalty:g})", style="yellow")
    if record.score:
        line.append(f"  perplexity {record.score.perplexity:.3f}", style="default")
    line.append(f"  {sum(one.duration_s for one in record.stages):.1f} s")
    if record.fault:
        line.append(f"  {record.fault.message.splitlines()[0][:120]}", style="yellow")
    codes = sorted({one.code for one in record.findings if one.severity == "error"})
    if codes:
        line.append("  " + " ".join(codes[:_MOST_CODES]), style="red")
    return line


def headline(state: RunState) -> Text:
    """How many of how many, how they ended, how long it took and will take, what was found most."""
    parts = [f"{state.before + state.done}/{state.total}"]
    parts += [f"{state.before} graded before"] if state.before else []
    parts += [f"{count} {WORDS[outcome]}" for outcome, count in sorted(state.outcomes.items())]
    parts += [f"{state.retries} retries"] if state.retries else []
    parts.append(f"{clock_words(state.elapsed_s)} gone")
    parts += [f"about {clock_words(state.left_s)} left"] if state.left_s else []
    parts += ["ending"] if state.ending else []
    text = Text(" · ".join(parts), style="bold")
    if state.codes:
        common = state.codes.most_common(_MOST_CODES)
        text.append("\nfound: " + ", ".join(f"{code} {count}x" for code, count in common), style="not bold red")
    return text


def stage_counts(state: RunState) -> Table:
    """A column a stage: how many wait for it, are in it, passed, failed, and ended in a fault or were skipped."""
    stages = list(dict.fromkeys([*state.stages, *(one.stage for one in state.under_way.values())]))
    table = Table(box=None, padding=(0, 1))
    table.add_column("")
    for stage in stages:
        table.add_column(stage, justify="right")
    work = list(state.under_way.values())
    rows = {
        "waiting": [sum(one.stage == stage and not one.running for one in work) for stage in stages],
        "running": [sum(one.stage == stage and one.running for one in work) for stage in stages],
        **{status.value: [state.stages.get(stage, Counter())[status] for stage in stages] for status in StageStatus},
    }
    for name, counts in rows.items():
        if any(counts) or name in {"running", "passed"}:
            table.add_row(name, *(str(count or "·") for count in counts))
    return table


def under_way(state: RunState) -> Table:
    """A row a submission that runs, the longest first: its stage, how long it has been in it, its budget."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    now = state.clock()
    rows = sorted(
        ((now - one.since, name, one) for name, one in state.under_way.items() if one.running), key=lambda row: -row[0]
    )
    for seconds, name, one in rows[:_MOST_ROWS]:
        budget = f"of {clock_words(one.budget_s)}" if one.budget_s else ""
        table.add_row(name, one.stage, clock_words(seconds), budget)
    if len(rows) > _MOST_ROWS:
        table.add_row(f"and {len(rows) - _MOST_ROWS} more")
    return table


def clock_words(seconds: float | None) -> str:
    """Give hours, minutes and seconds; nothing for None."""
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))
