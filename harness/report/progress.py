"""Shows which stage runs and how much of its budget is gone; plain lines where the output is no terminal."""

from types import TracebackType

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harness.language import ENGLISH, Language, language
from harness.model.event import Event, StageEnded, StageStarted
from harness.model.result import StageResult
from harness.model.status_words import STATUS_WORDS

_STATUS_COLUMNS = 9
_TIME_COLUMNS = 9


class StageProgress:
    """Takes the events of one submission. Use as a context manager.

    Args:
        console: Where to show it; standard error, so that results on standard output stay clean.
        t: The language.
    """

    def __init__(self, console: Console, t: Language | None = None) -> None:
        self._console = console
        self._t = t or language(ENGLISH)
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
        t = self._t
        budget = t("of {budget:g} s", budget=budget_s) if budget_s else ""
        self._progress.add_task(stage, total=None, budget=budget)

    def _ended(self, result: StageResult) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        t = self._t
        status = t.of(STATUS_WORDS[result.status])
        padded = status + " " * max(0, _STATUS_COLUMNS - cell_len(status))
        time = t("{time:.1f} s", time=result.duration_s)
        line = f"{result.stage:<9} {padded} {' ' * max(0, _TIME_COLUMNS - cell_len(time))}{time}"
        self._console.print(f"{line}  {t.of(result.summary)}", markup=False, emoji=False, highlight=False, style="dim")
