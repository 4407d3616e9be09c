"""Shows the record of one submission in the form that was asked for, and writes further forms to files."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.language import Language
from harness.model.finding import Finding
from harness.model.result import Record
from harness.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from harness.model.assignment import Assignment
    from harness.model.submission import Submission
    from harness.report.headroom import Headroom

FORMS = ("text", "json", "junit", "github", "sarif")
_PLACED = ("junit", "github", "sarif")
_FILE_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a record is shown.

    Attributes:
        form: One of `FORMS`, to standard output.
        saved: Files to write, and in which form each.
        steps: Whether the text ends with what to do next.
        beside: A file that lies elsewhere than the submission and is called in findings as the user named it.
    """

    form: str
    t: Language
    saved: Mapping[Path, str] = field(default_factory=dict)
    steps: bool = False
    beside: Path | None = None


def parse_saved(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[Path, str]:
    """Read `FORMAT=FILE`, several times.

    Raises:
        click.BadParameter: It is none.
    """
    saved: dict[Path, str] = {}
    for value in values:
        form, mark, file = value.partition("=")
        if form not in FORMS or not mark or not file:
            raise click.BadParameter(f"{value!r}: expected FORMAT=FILE, with a FORMAT out of {', '.join(FORMS)}.")
        if not Path(file).parent.is_dir():
            raise click.BadParameter(f"There is no folder {Path(file).parent}: make it first.")
        saved[Path(file)] = form
    return saved


def show_record(
    record: Record,
    shown: Shown,
    *,
    assignment: "Assignment",
    submission: "Submission",
    folder: Path | None,
) -> None:
    """Print the record, and write the files that were asked for.

    Args:
        record: What to show.
        shown: How.
        assignment: Its limits are what the budgets are held against.
        submission: Where it lies decides the paths in annotations.
        folder: Where the record is kept, if it is.

    Raises:
        ConfigError: A file cannot be written.
    """
    from rich.console import Console

    from harness.batch.headroom import headroom_of
    from harness.errors import ConfigError
    from harness.files import write_whole
    from harness.report.formats.choose import FORMATS

    room = headroom_of(record, assignment.stages, folder=folder)
    prefix = _prefix(submission.source)
    from_here = _from_submission(record, shown.beside, prefix)

    def formatted(form: str) -> str:
        return FORMATS[form](from_here if form in _PLACED else record, t=shown.t, prefix=prefix)

    def text(console: Console) -> None:
        _text(
            record,
            shown,
            console,
            headroom=room,
            folder=folder,
            packed=not submission.draft,
        )

    for path, form in shown.saved.items():
        if form == "text":
            text(Console(width=_FILE_WIDTH, file=(plain := io.StringIO()), color_system=None))
            content = plain.getvalue()
        else:
            content = formatted(form)
        try:
            write_whole(path, content.encode())
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}.", remedy="Give another file.") from error
    if shown.form == "text":
        text(Console())
    else:
        click.echo(formatted(shown.form), nl=False)


def _text(
    record: Record,
    shown: Shown,
    console: "Console",
    *,
    headroom: "tuple[Headroom, ...]",
    folder: Path | None,
    packed: bool,
) -> None:
    from harness.report.check_report import show_next
    from harness.report.console import show

    show(record, console, folder=folder, t=shown.t, headroom=headroom)
    if shown.steps:
        show_next(record, console, headroom=headroom, packed=packed, t=shown.t)


def _from_submission(record: Record, beside: Path | None, prefix: str) -> Record:
    """Give the record with the path of a file beside the submission from there, as all paths of findings are."""
    if beside is None:
        return record
    named, path = visible(str(beside)), visible(os.path.relpath(beside, prefix or "."))

    def moved(one: Finding) -> Finding:
        fits = one.where is not None and one.where.path == named
        return replace(one, where=replace(one.where, path=path)) if one.where and fits else one

    stages = (replace(one, findings=tuple(map(moved, one.findings))) for one in record.stages)
    return replace(record, stages=tuple(stages))


def _prefix(source: Path) -> str:
    """Give the submission's path from here, where it is a folder below; else nothing: paths are then its own."""
    here = Path.cwd()
    if not source.is_dir() or not source.is_relative_to(here):
        return ""
    return "" if source == here else source.relative_to(here).as_posix()
