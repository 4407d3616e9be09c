"""`harness check`: what `grade` runs, on the public data, for a student."""

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from harness.cli.options import default_folder, given_options, grade_alone, plan, shared
from harness.cli.show_record import Shown, show_record
from harness.errors import EXIT_FOUND_ERRORS, EXIT_PASSED
from harness.language import language
from harness.model.result import Outcome

FULL_ONLY = ("output", "sandbox", "gpu")
QUICK_ONLY = ("adapter", "predictions")


@click.command()
@click.argument("submission", type=click.Path(path_type=Path))
@click.option(
    "--quick",
    is_flag=True,
    help="Run nothing: look at the files, the adapter and the predictions that lie there. Takes seconds and keeps "
    "nothing; --base-model may be left out.",
)
@click.option("--adapter", type=click.Path(path_type=Path), help="With --quick: folder of an adapter to look at.")
@click.option("--predictions", type=click.Path(path_type=Path), help="With --quick: predictions on the public data.")
@shared
def check(
    submission: Path,
    output: Path | None,
    student_id: str | None,
    form: str,
    saved: dict[Path, str],
    lang: str | None,
    quick: bool,
    adapter: Path | None,
    predictions: Path | None,
    **options: Any,
) -> None:
    """Check SUBMISSION (folder or archive) on the public data, as the grader will.

    Needs --assignment, and --base-model unless it is --quick.

    Without a container engine it runs as a plain process: it is your own code.
    """
    from harness.batch.handed_in import with_submissions

    _refuse_options(FULL_ONLY if quick else QUICK_ONLY, quick=quick)
    if quick:
        _check_quickly(
            submission,
            student_id=student_id,
            adapter=adapter,
            predictions=predictions,
            form=form,
            saved=saved,
            lang=lang,
            **{name: options[name] for name in ("assignment", "base_model", "image_lock")},
        )
    folder = output or default_folder()
    loaded = plan(**options, split="public", allow_process=True)
    alone = with_submissions(loaded, [submission], run_folder=folder, student_id=student_id, checked=True)
    shown = Shown(form=form, saved=saved, t=language(lang or loaded.assignment.language), steps=True)
    grade_alone(alone, folder, shown)


def _check_quickly(
    submission: Path,
    *,
    assignment: Path | None,
    base_model: Path | None,
    image_lock: Path,
    student_id: str | None,
    adapter: Path | None,
    predictions: Path | None,
    form: str,
    saved: dict[Path, str],
    lang: str | None,
) -> NoReturn:
    """Look, show, exit with the code of the outcome.

    Raises:
        click.UsageError: There is no assignment.
    """
    from harness.batch.engine import fault_code
    from harness.batch.quick import check_quickly
    from harness.stages.given import Given

    if assignment is None:
        raise click.UsageError("Missing option '--assignment'.")
    found = check_quickly(
        submission,
        assignment_path=assignment,
        base_path=base_model,
        image_lock=image_lock,
        given=Given(adapter=adapter, predictions=predictions),
        student_id=student_id,
    )
    t = language(lang or found.assignment.language)
    shown = Shown(form=form, saved=saved, t=t, steps=True, beside=predictions)
    show_record(found.record, shown, assignment=found.assignment, submission=found.submission, folder=None)
    record = found.record
    failed = EXIT_FOUND_ERRORS if record.outcome is Outcome.FAILED else EXIT_PASSED
    sys.exit(fault_code(record.fault) if record.fault else failed)


def _refuse_options(names: tuple[str, ...], *, quick: bool) -> None:
    """Refuse what would be left unread.

    Raises:
        click.UsageError: An option was given that has no meaning with --quick, or none without it.
    """
    given = given_options()
    if options := ", ".join(given[name] for name in names if name in given):
        words = f"--quick runs and keeps nothing: leave out {options}." if quick else f"{options}: only with --quick."
        raise click.UsageError(words)
