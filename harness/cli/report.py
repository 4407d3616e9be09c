"""`harness report`: what a run came to: a summary, a report, a gradebook's file. Declares options, calls, prints."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, get_args

import click
from rich.console import Console

from harness.batch.exports import export
from harness.batch.reported import Reported, read_reported
from harness.batch.wanted import FOLDERS, ROSTERED, Format, Wanted, take
from harness.cli.options import given_options, lang_option
from harness.errors import EXIT_FOUND_ERRORS
from harness.language import language
from harness.report.overview import show_overview
from harness.report.steps import Steps
from harness.schema.columns import HEADINGS, SHEET
from harness.text import visible

FILE = click.Path(path_type=Path)
_NOTE_SHOWN = 2_000
_STUDENTS = {"html", "moodle", "moodle-gradebook", "gradescope", "junit", "markdown"}
_GOES_WITH: dict[str, Collection[str]] = {
    "output": set(get_args(Format)),
    "replace": set(get_args(Format)),
    "lang": _STUDENTS,
    "audience": {"html"},
    "roster": ROSTERED,
    "columns": ROSTERED,
    "missing": ROSTERED,
    "leave_out_unknown": ROSTERED,
    "title": {"canvas", "moodle-gradebook"},
    "worksheet": {"moodle"},
    "visibility": {"gradescope"},
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "canvas": ("roster", "title"),
    "moodle": ("worksheet",),
    "moodle-gradebook": ("roster",),
    **dict.fromkeys(FOLDERS, ("output",)),
}


@click.command()
@click.argument("run", type=FILE)
@click.option("--to", "form", type=click.Choice(get_args(Format)), help="The format. Default: a summary here.")
@click.option("--output", type=FILE, help="Where to write: a folder for html, gradescope, markdown, else a file.")
@click.option("--replace", is_flag=True, help="Write over what an earlier export left at --output.")
@lang_option
@click.option("--assignment", type=FILE, help="The assignment, where it is not any more where the run says.")
@click.option("--staff/--public", "audience", default=True, help="html: with staff detail (the default), or without.")
@click.option("--roster", type=FILE, help="canvas, moodle, moodle-gradebook: CSV of the course's people.")
@click.option(
    "--column",
    "columns",
    metavar="ROLE=HEADING",
    multiple=True,
    help="Heading of a column of roster or worksheet, where it is not the usual one; several times.",
)
@click.option("--title", help='canvas: heading of the column, "Title (12345)"; moodle-gradebook: of the points.')
@click.option("--worksheet", type=FILE, help="moodle: the offline grading worksheet that Moodle exported.")
@click.option(
    "--missing",
    type=click.Choice(["blank", "zero"]),
    default="blank",
    show_default=True,
    help="What people of the roster get who handed in nothing.",
)
@click.option("--leave-out-unknown", is_flag=True, help="Leave out who is not in the roster, instead of refusing.")
@click.option(
    "--visibility",
    type=click.Choice(["visible", "after_due_date", "after_published"]),
    default="visible",
    show_default=True,
    help="gradescope: when students see it.",
)
def report(run: Path, form: Format | None, lang: str | None, assignment: Path | None, **options: Any) -> None:
    """Report on the run folder RUN: a summary here, or with --to what students, staff and gradebooks read.

    Nothing is written into RUN. Who was not graded has no points in any format, never zero. Exit code 1: somebody's
    grade is missing in what was written, because a record cannot be trusted or is of nobody in the roster.
    """
    _refuse_options(form, columns=options["columns"])
    wanted = _wanted(options)
    reported = read_reported(run, assignment=assignment)
    for words in reported.missing if assignment or form == "html" else ():
        click.echo(words, err=True)
    if form is None:
        _overview(reported)
        return
    with Steps(Console(stderr=True)) as steps:
        made = export(
            reported,
            form,
            wanted,
            t=language(lang or reported.language),
            on_step=lambda done, total: steps.step("submissions", done, total),
        )
    if wanted.target is None:
        click.echo(_for_terminal(made.text) if sys.stdout.isatty() else made.text, nl=False)
    else:
        click.echo(f"written: {wanted.target}", err=True)
    for note in made.notes:
        click.echo(visible(note, _NOTE_SHOWN), err=True)
    if not made.complete:
        sys.exit(EXIT_FOUND_ERRORS)


def _for_terminal(text: str) -> str:
    """Give a text in which names from rosters do nothing to a terminal."""
    return "".join(f"{visible(line, len(line))}\n" for line in text.splitlines())


def _overview(reported: Reported) -> None:
    with Steps(Console(stderr=True)) as steps:
        taken = take(reported, on_step=lambda done, total: steps.step("submissions", done, total))
    show_overview(Console(), taken.records, taken.left_out)
    if taken.left_out:
        sys.exit(EXIT_FOUND_ERRORS)


def _wanted(options: dict[str, Any]) -> Wanted:
    audience: Literal["staff", "public"] = "staff" if options.pop("audience") else "public"
    columns = dict(_column(one) for one in options.pop("columns"))
    return Wanted(target=options.pop("output"), audience=audience, columns=columns, **options)


def _column(text: str) -> tuple[str, str]:
    """Read ROLE=HEADING.

    Raises:
        click.UsageError: It is something else.
    """
    role, equals, heading = text.partition("=")
    if not equals or not heading or role not in HEADINGS:
        raise click.UsageError(f"--column {text}: write ROLE=HEADING; the roles are {', '.join(HEADINGS)}.")
    return role, heading


def _refuse_options(form: Format | None, *, columns: tuple[str, ...]) -> None:
    """Refuse options that the format would leave unread, and ask for those that it needs.

    Raises:
        click.UsageError: There is such an option.
    """
    given = given_options()
    for name, forms in _GOES_WITH.items():
        if name in given and form not in forms:
            where = f"--to {form}" if form else "a summary; say --to FORMAT"
            raise click.UsageError(f"{given[name]} does not go with {where}. It is for {', '.join(sorted(forms))}.")
    if form != "moodle" and (strangers := [one for one in columns if one.split("=")[0] in SHEET]):
        raise click.UsageError(f"--column {strangers[0]} does not go with --to {form}. It is for moodle.")
    if missing := [f"--{one}" for one in _NEEDED.get(form or "", ()) if one not in given]:
        raise click.UsageError(f"--to {form} needs {' and '.join(missing)}.")
    if "replace" in given and "output" not in given:
        raise click.UsageError("--replace needs --output.")
