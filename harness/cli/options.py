"""Options that `check` and `grade` share, and the grading of one submission. Passes on; decides nothing."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click
from click.core import ParameterSource
from rich.console import Console

from harness.cli.show_record import FORMS, Shown, parse_saved, show_record
from harness.errors import EXIT_FOUND_ERRORS, EXIT_PASSED
from harness.language import TAGS
from harness.model.result import Outcome
from harness.model.zones import TimeError, read_time

if TYPE_CHECKING:
    from harness.batch.graders import Opener
    from harness.batch.plan import Plan

Kind = Literal["auto", "docker", "process"]
Command = Callable[..., Any]

lang_option = click.option(
    "--lang", type=click.Choice(TAGS), help="Language of messages to students. Default: the assignment's."
)

OPTIONS = (
    click.option("--assignment", type=click.Path(path_type=Path), help="Folder with assignment.yaml, or the file."),
    click.option("--base-model", type=click.Path(path_type=Path), help="Folder of the base model."),
    click.option("--output", type=click.Path(path_type=Path), help="Run folder. Default: runs/DATE-TIME."),
    click.option("--student-id", help="Student id, where the file is not named after it."),
    click.option(
        "--sandbox",
        type=click.Choice(["auto", "docker", "process"]),
        default="auto",
        show_default=True,
        help="Containers, or plain processes (no isolation); auto takes containers where an engine answers.",
    ),
    click.option(
        "--image-lock",
        type=click.Path(path_type=Path),
        default=Path("image.lock"),
        show_default=True,
        help="Lock of the image to run in, as `harness image build` wrote it.",
    ),
    click.option(
        "--gpu",
        metavar="UUID|auto",
        help="GPU that programs have to themselves, as `nvidia-smi -L` names it, or several with commas; auto: what is "
        "free, or the CPU where there is no GPU. Default: none.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(FORMS),
        default="text",
        show_default=True,
        help="Tables, the record itself, or what CI reads: JUnit XML, annotations of GitHub Actions, SARIF 2.1.0.",
    ),
    click.option(
        "--save",
        "saved",
        multiple=True,
        metavar="FORMAT=FILE",
        callback=parse_saved,
        help="Write it to a file too, for example sarif=check.sarif. Repeatable.",
    ),
    lang_option,
)


def shared(command: Command) -> Command:
    """Add the shared options to a command."""
    return reduce(lambda inner, option: option(inner), reversed(OPTIONS), command)


def given_options() -> dict[str, str]:
    """Give what was said on the command line, defaults not among it: how each is written there, by its name."""
    context = click.get_current_context()
    return {
        one.name: one.opts[-1]
        for one in context.command.params
        if one.name and context.get_parameter_source(one.name) is ParameterSource.COMMANDLINE
    }


def plan(
    *,
    assignment: Path | None,
    base_model: Path | None,
    split: Literal["public", "private"],
    sandbox: Kind,
    image_lock: Path,
    gpu: str | None,
    allow_process: bool,
) -> "Plan":
    """Load what the shared options name.

    Raises:
        click.UsageError: An option that is needed is not there.
    """
    from harness.batch.plan import load_plan

    if missing := [name for name, one in (("--assignment", assignment), ("--base-model", base_model)) if one is None]:
        words = "Missing options" if len(missing) > 1 else "Missing option"
        raise click.UsageError(f"{words} {' and '.join(map(repr, missing))}.")
    assert assignment is not None and base_model is not None
    return load_plan(
        assignment_path=assignment,
        base_path=base_model,
        split=split,
        kind=sandbox,
        image_lock=image_lock,
        gpu=gpu,
        allow_process=allow_process,
    )


def default_folder() -> Path:
    """Give the run folder of a run that names none: it is named after the time."""
    return Path("runs") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def grade_alone(made: "Plan", run_folder: Path, shown: Shown, *, opener: "Opener | None" = None) -> NoReturn:
    """Grade one submission, print its record, exit with the code of the outcome."""
    from harness.batch.grade import grade_run
    from harness.batch.graders import this_machine
    from harness.cli.presses import counted_presses
    from harness.report.progress import StageProgress
    from harness.schema.record import read_record

    error_console = Console(stderr=True)
    if opener is None:
        warn_without_gpu(made.gpu, error_console)
    with counted_presses() as presses, StageProgress(error_console, shown.t) as progress:
        graded = grade_run(made, run_folder, on_event=progress.on_event, presses=presses, opener=opener or this_machine)
    path, submission = graded.store.record_path(made.submissions[0].id), made.submissions[0]
    show_record(read_record(path), shown, assignment=made.assignment, submission=submission, folder=path.parent)
    sys.exit(graded.tally.exit_code or (EXIT_FOUND_ERRORS if graded.tally.graded[Outcome.FAILED] else EXIT_PASSED))


def warn_without_gpu(gpu: str | None, console: Console) -> None:
    """Say that `auto` found no GPU."""
    from harness.sandbox.gpu.slot import AUTO, any_gpu

    if gpu == AUTO and not any_gpu():
        console.print("--gpu auto: this machine has no GPU; all runs on the CPU.")


def parse_time(text: str | None, *, zone: str | None) -> datetime | None:
    """Read an ISO 8601 time with an offset, or one on the clock of `zone` (IANA name).

    Raises:
        click.BadParameter: It is none.
    """
    if text is None:
        return None
    try:
        return read_time(text, zone)
    except TimeError as error:
        raise click.BadParameter(
            f"{text!r}: expected {error.expected}; {error.remedy}", param_hint="--submitted-at"
        ) from error
