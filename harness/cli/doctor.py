"""`harness doctor`: what this machine has and lacks."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from harness import __version__
from harness.errors import EXIT_PASSED, EnvironmentFault
from harness.files import json_text

NAMES = ("versions", "engine", "image", "gpu", "local", "packages", "disk", "engine-disk", "memory", "network")


@click.command()
@click.option("--image-lock", type=click.Path(path_type=Path), default=Path("image.lock"), show_default=True)
@click.option("--require", multiple=True, type=click.Choice(NAMES), help="Exit with 4 unless this is fine. Repeatable.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(image_lock: Path, require: tuple[str, ...], form: str) -> None:
    """Tell what this machine has and lacks for grading, and what to do about it."""
    from rich.console import Console

    from harness.batch.doctor.examine import examine
    from harness.report.facts import Health, facts_table

    facts = examine(image_lock)
    if form == "json":
        report = {"harness_version": __version__, "facts": [asdict(fact) for fact in facts]}
        click.echo(json_text(report), nl=False)
    else:
        Console().print(facts_table(facts))
    lacking = [fact for fact in facts if fact.name in require and fact.health is not Health.FINE]
    sys.exit(EnvironmentFault.exit_code if lacking else EXIT_PASSED)
