"""Shows which stage runs and how much of its budget is gone; plain lines where the output is no terminal."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harness.model.event import Event, StageEnded, StageStarted
from harness.model.result import StageResult


class StageProgress:
    """Takes the events of one submission. Use as a context manager.

    Args:
        console: Where to show it; standard error, so that results on standard output stay clean.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[budget]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> "StageProgress":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_event(self, event: Event) -> None:
        """Show a stage as running, or replace it by a finished line."""
        match event:
            case StageStarted():
                self._started(event.stage, event.budget_s)
            case StageEnded():
                self._ended(event.result)
            case _:
                pass

    def _started(self, stage: str, budget_s: float | None) -> None:
        budget = f"of {budget_s:g} s" if budget_s else ""
        self._progress.add_task(stage, total=None, budget=budget)

    def _ended(self, result: StageResult) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        line = f"{result.stage:<9} {result.status:<8} {result.duration_s:7.1f} s  {result.summary}"
        self._console.print(line, markup=False, highlight=False, style="dim")
