"""`harness grade`: submissions on the private data, one or a whole class."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from harness.cli.options import default_folder, grade_alone, parse_time, plan, shared, warn_without_gpu
from harness.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from harness.batch.machine import Sizes
    from harness.batch.plan import Plan
    from harness.model.event import Event


@click.command()
@click.argument("submissions", metavar="[SUBMISSION]...", nargs=-1, type=click.Path(path_type=Path))
@shared
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    help="Grade every folder and archive in this folder.",
)
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder; needs no more.")
@click.option("--submitted-at", help="When it was handed in (ISO 8601 with offset), for the late policy.")
@click.option("--times", type=click.Path(path_type=Path), help="CSV with `id` and `submitted_at` of each hand-in.")
@click.option("--extensions", type=click.Path(path_type=Path), help="YAML list of who has more time or tokens.")
@click.option(
    "--downloads",
    type=click.Path(path_type=Path),
    help="Store of recorded downloads. Default: `downloads` beside the run folder.",
)
@click.option("--fetch-again", is_flag=True, help="Download anew what is recorded, and tell what changed.")
@click.option("--i-trust-this-code", is_flag=True, help="Allow --sandbox process, which does not isolate.")
@click.option("--fetches", type=click.IntRange(1), help="Downloads at a time. Default: 8.")
@click.option("--runs", type=click.IntRange(1), help="Student programs at a time, without GPUs. Default: by the cores.")
@click.option("--metrics", type=click.Path(path_type=Path), help="Keep a Prometheus text file here.")
def grade(
    submissions: tuple[Path, ...],
    folder: Path | None,
    resume: Path | None,
    output: Path | None,
    student_id: str | None,
    submitted_at: str | None,
    times: Path | None,
    extensions: Path | None,
    downloads: Path | None,
    fetch_again: bool,
    i_trust_this_code: bool,
    fetches: int | None,
    runs: int | None,
    metrics: Path | None,
    form: str,
    **options: Any,
) -> None:
    """Grade SUBMISSIONs (folders or archives) on the private data and keep records and evidence in the run folder.

    A run that was interrupted goes on with `harness grade --resume FOLDER`. Ctrl-C once finishes what is under way,
    twice ends it now; nothing is lost or graded twice.
    """
    from harness.batch.grade import read_plan
    from harness.batch.machine import Sizes
    from harness.batch.plan import submissions_in, with_dates, with_submissions

    sizes = Sizes(fetch=fetches, run=runs)
    if resume is not None:
        if submissions or folder or output:
            raise click.UsageError("--resume takes everything from the run: give no SUBMISSION, --from or --output.")
        _grade_many(read_plan(resume), resume, sizes=sizes, metrics=metrics, resume=True)
    sources = [*submissions, *(submissions_in(folder) if folder else ())]
    if not sources:
        raise click.UsageError("Nothing to grade: give a SUBMISSION, --from or --resume.")
    if len(sources) > 1 and (student_id or submitted_at):
        raise click.UsageError("--student-id and --submitted-at are for one submission.")
    run_folder = output or default_folder()
    loaded = with_submissions(
        plan(**options, split="private", allow_process=i_trust_this_code),
        sources,
        run_folder=run_folder,
        student_id=student_id,
        submitted_at=parse_time(submitted_at),
    )
    loaded = with_dates(loaded, times=times, extensions=extensions, tell=partial(click.echo, err=True))
    store = (downloads or run_folder.parent / "downloads").absolute()
    loaded = replace(loaded, downloads=store, fetch_again=fetch_again)
    if len(sources) == 1 and not folder:
        grade_alone(loaded, run_folder, form=form)
    _grade_many(loaded, run_folder, sizes=sizes, metrics=metrics)


def _grade_many(
    loaded: "Plan", run_folder: Path, *, sizes: "Sizes", metrics: Path | None, resume: bool = False
) -> None:
    """Grade, show how it goes, sum up, exit."""
    from harness.batch.grade import grade_run
    from harness.cli.presses import counted_presses
    from harness.report.run_state import RunState
    from harness.report.run_summary import show_summary
    from harness.report.run_view import RunView

    console, state = Console(stderr=True), RunState()
    warn_without_gpu(loaded.gpu, console)
    view = RunView(console, state)
    takers = [state.on_event, view.on_event]
    with ExitStack() as stack:
        if metrics is not None:
            from harness.report.metrics import Metrics

            figures = Metrics(metrics)
            stack.callback(figures.write)
            takers.append(figures.on_event)

        def tell(event: "Event") -> None:
            for take in takers:
                take(event)

        presses = stack.enter_context(counted_presses())
        stack.enter_context(view.shown())
        graded = grade_run(loaded, run_folder, resume=resume, on_event=tell, sizes=sizes, presses=presses)
    tally = graded.tally
    show_summary(
        Console(),
        state,
        not_graded=tally.not_graded,
        stopped=tally.stopped,
        interrupted=tally.interrupted,
        folder=run_folder,
    )
    sys.exit(EXIT_INTERRUPTED if tally.interrupted else tally.exit_code)
