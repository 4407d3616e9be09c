"""`harness grade`: submissions on the private data, one or a whole class."""

import importlib.util
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console

from harness.cli.options import default_folder, grade_alone, parse_time, plan, shared, warn_without_gpu
from harness.errors import EXIT_INTERRUPTED, EnvironmentFault

if TYPE_CHECKING:
    from harness.batch.graders import Opener
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
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="This machine, or the nodes of a Ray cluster (pip install '.[ray]').",
)
@click.option(
    "--address",
    default="auto",
    show_default=True,
    help="With --engine ray: auto (the cluster that this machine is part of), HOST:PORT or ray://HOST:PORT.",
)
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
    engine: Literal["local", "ray"],
    address: str,
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

    sizes, opener = Sizes(fetch=fetches, run=runs), _opener(engine, address)
    if resume is not None:
        if submissions or folder or output:
            raise click.UsageError("--resume takes everything from the run: give no SUBMISSION, --from or --output.")
        _grade_many(read_plan(resume), resume, sizes=sizes, opener=opener, metrics=metrics, resume=True)
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
        grade_alone(loaded, run_folder, form=form, opener=opener)
    _grade_many(loaded, run_folder, sizes=sizes, opener=opener, metrics=metrics)


def _opener(engine: Literal["local", "ray"], address: str) -> "Opener | None":
    """Give what opens the engine's graders; None is this machine.

    Raises:
        EnvironmentFault: Ray is not installed.
    """
    if engine == "local":
        return None
    if importlib.util.find_spec("ray") is None:
        raise EnvironmentFault(
            "--engine ray needs Ray, which is not installed beside the harness.",
            remedy="pip install '.[ray]' in the project's folder, with the version of Ray that the nodes have.",
        )
    from harness.batch.ray import ray_cluster

    return partial(ray_cluster, address=address)


def _grade_many(
    loaded: "Plan",
    run_folder: Path,
    *,
    sizes: "Sizes",
    opener: "Opener | None",
    metrics: Path | None,
    resume: bool = False,
) -> None:
    """Grade, show how it goes, sum up, exit."""
    from harness.batch.grade import grade_run
    from harness.batch.graders import this_machine
    from harness.cli.presses import counted_presses
    from harness.report.run_state import RunState
    from harness.report.run_summary import show_summary
    from harness.report.run_view import RunView

    console, state = Console(stderr=True), RunState()
    if opener is None:
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
        graded = grade_run(
            loaded,
            run_folder,
            resume=resume,
            on_event=tell,
            sizes=sizes,
            presses=presses,
            opener=opener or this_machine,
        )
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
