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

from harness.cli.options import default_folder, given_options, grade_alone, parse_time, plan, shared, warn_without_gpu
from harness.cli.show_record import Shown
from harness.errors import EXIT_INTERRUPTED, ConfigError, EnvironmentFault
from harness.language import language

if TYPE_CHECKING:
    from harness.batch.graders import Opener
    from harness.batch.machine import Sizes
    from harness.batch.plan import Plan

RESUMABLE = frozenset({"resume", "metrics", "fetches", "runs", "engine", "address"})


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
    saved: dict[Path, str],
    lang: str | None,
    **options: Any,
) -> None:
    """Grade SUBMISSIONs (folders or archives) on the private data and keep records and evidence in the run folder.

    Needs --assignment and --base-model.

    A run that was interrupted goes on with `harness grade --resume FOLDER`. Ctrl-C once finishes what is under way,
    twice ends it now; nothing is lost or graded twice.
    """
    from harness.batch.grade import begun_before, read_plan
    from harness.batch.handed_in import submissions_in, with_dates, with_submissions
    from harness.batch.machine import Sizes

    sizes, opener = Sizes(fetch=fetches, run=runs), _opener(engine, address)
    if resume is not None:
        _refuse_options(RESUMABLE)
        _grade_many(read_plan(resume), resume, sizes=sizes, opener=opener, metrics=metrics, resume=True)
    sources = [*submissions]
    if folder is not None:
        found = submissions_in(folder)
        sources += found.submissions
        if found.others:
            click.echo(f"left aside, no folder and no archive that can be read: {', '.join(found.others)}", err=True)
    if not sources:
        raise click.UsageError("Nothing to grade: give a SUBMISSION, --from or --resume.")
    if len(sources) > 1 and (student_id or submitted_at):
        raise click.UsageError("--student-id and --submitted-at are for one submission.")
    alone = len(sources) == 1 and folder is None
    if not alone and (form != "text" or saved):
        raise click.UsageError("--format and --save are for one submission.")
    run_folder = output or default_folder()
    loaded = plan(**options, split="private", allow_process=i_trust_this_code)
    loaded = with_submissions(
        loaded,
        sources,
        run_folder=run_folder,
        student_id=student_id,
        submitted_at=parse_time(submitted_at, zone=loaded.assignment.late.zone if loaded.assignment.late else None),
    )
    before = begun_before(run_folder)
    say = partial(click.echo, err=True)
    loaded = with_dates(loaded, times=times, extensions=extensions, graded_before=before, tell=say)
    store = (downloads or run_folder.parent / "downloads").absolute()
    loaded = replace(loaded, downloads=store, fetch_again=fetch_again)
    if alone:
        shown = Shown(form=form, saved=saved, t=language(lang or loaded.assignment.language))
        grade_alone(loaded, run_folder, shown, opener=opener)
    if unnamed := [one.id for one in loaded.submissions if not one.id_found]:
        say(f"{len(unnamed)} without a student id in the name, graded under the name itself: {', '.join(unnamed)}")
    # A folder is graded again as it fills: what the run has already is left as it is.
    _grade_many(loaded, run_folder, sizes=sizes, opener=opener, metrics=metrics, resume=folder is not None)


def _refuse_options(allowed: frozenset[str]) -> None:
    """Refuse what --resume would leave unread.

    Raises:
        click.UsageError: An option was given that is not allowed.
    """
    if given := [written for name, written in given_options().items() if name not in allowed]:
        raise click.UsageError(
            f"--resume takes everything from the run; leave out {', '.join(given)}. "
            "Other times, extensions and rules are for `harness regrade`."
        )


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
    from harness.batch.tell import tell_all
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

            if not metrics.absolute().parent.is_dir():
                raise ConfigError(f"There is no folder for --metrics {metrics}.", remedy="Make it, or give another.")
            figures = Metrics(metrics)
            stack.callback(figures.write)
            takers.append(figures.on_event)

        presses = stack.enter_context(counted_presses())
        stack.enter_context(view.shown())
        graded = grade_run(
            loaded,
            run_folder,
            resume=resume,
            on_event=tell_all(*takers),
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
        folder=run_folder,
    )
    left = state.total - state.before - state.done
    sys.exit(EXIT_INTERRUPTED if tally.interrupted and left else tally.exit_code)
