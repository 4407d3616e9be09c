"""Options that `check` and `grade` share, and the run that both start. Declares and passes on; decides nothing."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console

SUBMITTED_AT = "--submitted-at"
Command = Callable[..., Any]

OPTIONS = (
    click.argument("source", metavar="SUBMISSION", type=click.Path(path_type=Path)),
    click.option(
        "--assignment", required=True, type=click.Path(path_type=Path), help="Folder with assignment.yaml, or the file."
    ),
    click.option("--base-model", required=True, type=click.Path(path_type=Path), help="Folder of the base model."),
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
        help="GPU that programs have to themselves, as `nvidia-smi -L` names it; auto: a free one, "
        "or the CPU where there is no GPU. Default: none.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Tables, or the record itself.",
    ),
)


def shared(command: Command) -> Command:
    """Add the shared options to a command."""
    return reduce(lambda inner, option: option(inner), reversed(OPTIONS), command)


def start(
    *,
    source: Path,
    assignment: Path,
    base_model: Path,
    output: Path | None,
    student_id: str | None,
    sandbox: Literal["auto", "docker", "process"],
    image_lock: Path,
    gpu: str | None,
    form: str,
    split: Literal["public", "private"],
    allow_process: bool,
    submitted_at: datetime | None = None,
) -> None:
    """Grade one submission, print the result, exit with the code of the outcome."""
    from harness.batch.single import grade_submission
    from harness.report.console import show
    from harness.report.progress import StageProgress
    from harness.sandbox.gpu.slot import AUTO, any_gpu

    error_console, console = Console(stderr=True), Console()
    if gpu == AUTO and not any_gpu():
        error_console.print("--gpu auto: this machine has no GPU; all runs on the CPU.")
    run_folder = output or Path("runs") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    with StageProgress(error_console) as progress:
        graded = grade_submission(
            source=source,
            assignment_path=assignment,
            base_path=base_model,
            run_folder=run_folder,
            student_id=student_id,
            sandbox_kind=sandbox,
            image_lock=image_lock,
            gpu=gpu,
            split=split,
            allow_process=allow_process,
            submitted_at=submitted_at,
            watcher=progress,
        )
    if form == "json":
        click.echo(graded.record_path.read_text(encoding="utf-8"), nl=False)
    else:
        show(graded.record, console, folder=graded.record_path.parent)
    sys.exit(graded.exit_code)


def parse_time(text: str | None) -> datetime | None:
    """Read an ISO 8601 time with an offset.

    Raises:
        click.BadParameter: It is none, or has no offset.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 time, such as 2026-12-31T23:59:00+08:00", param_hint=SUBMITTED_AT
        ) from error
    if time.tzinfo is None:
        raise click.BadParameter(
            f"{text!r} has no time zone; write it as 2026-12-31T23:59:00+08:00", param_hint=SUBMITTED_AT
        )
    return time
