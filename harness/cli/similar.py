"""`harness similar`: which submissions are alike, with evidence and without a verdict."""

from pathlib import Path

import click


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--adapters",
    type=click.Path(path_type=Path),
    help="Folder with the weights, in ID/ or ID/adapter_checkpoint/: shown pairs are then exact.",
)
@click.option("--exact", is_flag=True, help="Compute every pair of adapters from the weights; needs --adapters.")
@click.option(
    "--from",
    "sources",
    type=click.Path(path_type=Path),
    help="Folder with what was handed in, to compare the code. Default: where the run found it.",
)
@click.option(
    "--assignment", type=click.Path(path_type=Path), help="The assignment, where the run does not say it any more."
)
@click.option(
    "--skeleton",
    type=click.Path(path_type=Path),
    help="Folder with code that was given to all, which does not count. Default: `starter` of the assignment.",
)
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Pairs of each kind.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def similar(
    runs: tuple[Path, ...],
    adapters: Path | None,
    exact: bool,
    sources: Path | None,
    assignment: Path | None,
    skeleton: Path | None,
    top: int,
    form: str,
) -> None:
    """Rank pairs of submissions by how alike adapters, code and predictions are.

    Give several runs to compare terms; pairs of one student are left out. The ranking is for the staff, shows evidence,
    and is no verdict.
    """
    from rich.console import Console

    from harness.batch.similar.report import compare_runs
    from harness.report.similar import show_similarity
    from harness.report.steps import Steps
    from harness.schema.written import written_text

    with Steps(Console(stderr=True)) as steps:
        found = compare_runs(
            runs,
            adapters=adapters,
            exactly=exact,
            sources=sources,
            assignment=assignment,
            skeleton=skeleton,
            most=top,
            step=steps.step,
        )
    if form == "json":
        click.echo(written_text(found, "similar.v1", name="the comparison"), nl=False)
    else:
        show_similarity(found, Console())
