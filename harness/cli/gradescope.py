"""`harness gradescope`: builds an autograder's zip, and is what runs in it. Declares options, calls, prints."""

from pathlib import Path
from typing import Any

import click

from harness.cli.options import lang_option

FILE = click.Path(path_type=Path)


@click.group()
def gradescope() -> None:
    """Build an autograder for Gradescope. Results of a run: `harness report RUN --to gradescope`."""


@gradescope.command()
@click.argument("assignment", type=FILE)
@click.option("--output", type=FILE, default=Path("autograder.zip"), show_default=True, help="The zip.")
@click.option("--replace", is_flag=True, help="Write over the file that is there.")
@click.option(
    "--base-model",
    "base",
    type=FILE,
    help="Folder of a base model, a tiny one: submissions are run and scored there, as plain processes. "
    "Default: nothing of a submission is run.",
)
@click.option("--private-data", is_flag=True, help="With --base-model: grade on the private data, and carry it along.")
@click.option("--results", type=FILE, help="Grade nothing: hand out what `harness report --to gradescope` wrote here.")
@click.option("--wheels", type=FILE, help="Folder of all wheels that the harness needs: nothing is downloaded there.")
@click.option(
    "--limit",
    "limit_s",
    type=click.IntRange(10, 2400),
    default=540,
    show_default=True,
    help="Seconds until the harness is ended: less than Gradescope's own limit, which gives a zero.",
)
@click.option(
    "--visibility",
    type=click.Choice(["visible", "after_due_date", "after_published"]),
    default="visible",
    show_default=True,
    help="When students see the results.",
)
@click.option(
    "--mail-domain",
    metavar="DOMAIN",
    help="Take the student id from an address at DOMAIN, before the @, where Gradescope has no student ID. "
    "Default: no address is believed.",
)
@lang_option
def build(assignment: Path, output: Path, replace: bool, lang: str | None, **options: Any) -> None:
    """Build the zip that Gradescope takes as the autograder of ASSIGNMENT (a folder or its assignment.yaml)."""
    from harness.batch.autograder.build import Wanted, build_autograder
    from harness.language import language
    from harness.schema.assignment import load_assignment

    if options["private_data"] and options["base"] is None:
        raise click.UsageError("--private-data needs --base-model.")
    if options["results"] and options["base"]:
        raise click.UsageError("--results grades nothing: leave out --base-model.")
    tag = lang or load_assignment(assignment).assignment.language
    built = build_autograder(assignment, output, Wanted(**options), t=language(tag), replace=replace)
    click.echo(f"{output}: {built.size_bytes / 1e6:.1f} MB, {len(built.names)} files")
    for note in built.notes:
        click.echo(f"  {note}")


@gradescope.command()
@click.argument("root", type=FILE)
@click.option("--output", type=FILE, required=True, help="Where results.json goes.")
def run(root: Path, output: Path) -> None:
    """Grade the submission below ROOT, as the zip's run_autograder does it on Gradescope."""
    from harness.batch.autograder.run import autograde
    from harness.files import write_json
    from harness.text import visible

    def tell(text: str) -> None:
        for line in text.splitlines():
            click.echo(visible(line, 2_000), err=True)

    results = autograde(root, tell=tell)
    write_json(output, results)
