"""`harness regrade`: new records from the evidence of a run. Declares options, calls, prints."""

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

import harness
from harness.batch.kept import submission_ids
from harness.batch.regrade import regrade as regrade_run
from harness.batch.regrade import unknown_times
from harness.batch.rejudge import Rules
from harness.batch.rescore import Rescoring
from harness.batch.store import RunStore
from harness.errors import EXIT_FOUND_ERRORS, ConfigError
from harness.files import json_text
from harness.model.extension import Extension
from harness.report.moves import moves_json, show_near, show_regraded
from harness.schema.assignment import LoadedAssignment, load_assignment
from harness.schema.extensions import load_extensions
from harness.schema.times import load_times

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=FILE)
@click.option(
    "--assignment",
    type=FILE,
    help="Folder with assignment.yaml, or the file, as it is now. With --borderline, default: the run's own.",
)
@click.option(
    "--extensions", type=FILE, help="YAML list of extensions; those in the records stay for who is not in it."
)
@click.option(
    "--times", type=FILE, help="CSV with `id` and `submitted_at`; the records' times stay for who is not in it."
)
@click.option("--drop-example", "dropped", metavar="ID", multiple=True, help="Leave an example out of every score.")
@click.option("--output", type=FILE, help="The new run folder.")
@click.option("--borderline", is_flag=True, help="Only list scores near a threshold; write nothing.")
@click.option("--rescore", is_flag=True, help="Score the borderline cases again on this machine; grades stay.")
@click.option("--base-model", type=FILE, help="With --rescore: folder of the base model.")
@click.option("--adapters", type=FILE, help="With --rescore: folder that holds the adapters, however deep.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def regrade(
    run: Path,
    assignment: Path | None,
    extensions: Path | None,
    times: Path | None,
    dropped: tuple[str, ...],
    output: Path | None,
    borderline: bool,
    rescore: bool,
    base_model: Path | None,
    adapters: Path | None,
    form: str,
) -> None:
    """Grade the run folder RUN again from its evidence, without running or scoring anything, and say who moved.

    Changed thresholds, rubric and late policy come with --assignment. Nothing is written into RUN. Exit code 1: some
    submissions were left out, because record or evidence is not what it was.
    """
    if borderline == (output is not None):
        raise click.UsageError(
            "Give --output NEWRUN for new records, or --borderline to list scores and write nothing."
        )
    if assignment is None and not borderline:
        raise click.UsageError("New records need --assignment: what they are to go by.")
    place = assignment or _own_assignment(run)
    loaded = load_assignment(place)
    own = RunStore(run).read()
    if borderline and assignment is None and own is not None and own.assignment.sha256 != loaded.sha256:
        click.echo("The assignment changed since this run was graded: thresholds are those of now.", err=True)
    late = loaded.assignment.late
    rules = Rules(
        loaded=loaded,
        place=place,
        extensions=_extensions(extensions, loaded, run) if extensions else {},
        times=_times(times, run, late.zone if late else None) if times else {},
        dropped=dropped,
    )
    rescoring = _rescoring(base_model, adapters) if rescore else None
    done = regrade_run(run, rules, output=output, rescoring=rescoring)
    if form == "json":
        click.echo(json_text(moves_json(done)), nl=False)
    elif borderline:
        show_near(done, Console())
    else:
        show_regraded(done, Console())
    if done.left_out:
        sys.exit(EXIT_FOUND_ERRORS)


def _own_assignment(run: Path) -> Path:
    kept = RunStore(run).read()
    if kept is None:
        raise ConfigError(f"There is no run.json in {run} to name the assignment.", remedy="Give --assignment.")
    return Path(kept.assignment_path)


def _extensions(path: Path, loaded: LoadedAssignment, run: Path) -> Mapping[str, Extension]:
    found = load_extensions(path, loaded.assignment, submissions=submission_ids(run))
    for problem in found.unused:
        click.echo(f"not used: {problem}", err=True)
    return found.by_id


def _times(path: Path, run: Path, zone: str | None) -> Mapping[str, datetime]:
    times = load_times(path, zone=zone)
    if unknown := unknown_times(times, run):
        click.echo(
            f"not used: {path} has times of {len(unknown)} ids without submission, first: {unknown[0]}", err=True
        )
    return times


def _rescoring(base_model: Path | None, adapters: Path | None) -> Rescoring:
    if base_model is None or adapters is None:
        raise click.UsageError("--rescore needs --base-model and --adapters.")
    if not adapters.is_dir():
        raise ConfigError(f"There is no folder of adapters at {adapters}.", remedy="Give a folder that holds them.")
    package = str(Path(harness.__file__).parent.parent)
    search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return Rescoring(base_path=base_model, adapters=adapters, environment={**os.environ, "PYTHONPATH": search})
