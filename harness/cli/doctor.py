"""`harness doctor`: what this machine has and lacks."""

import sys
from pathlib import Path

import click

from harness.errors import EXIT_PASSED, EnvironmentFault

NAMES = ("engine", "image", "gpu", "local", "disk", "memory")


@click.command()
@click.option("--image-lock", type=click.Path(path_type=Path), default=Path("image.lock"), show_default=True)
@click.option("--require", multiple=True, type=click.Choice(NAMES), help="Exit with 4 unless this is fine. Repeatable.")
def doctor(image_lock: Path, require: tuple[str, ...]) -> None:
    """Tell what this machine has and lacks for grading, and what to do about it."""
    from rich.console import Console

    from harness.batch.doctor import examine
    from harness.report.facts import Health, facts_table

    facts = examine(image_lock)
    Console().print(facts_table(facts))
    lacking = [fact for fact in facts if fact.name in require and fact.health is not Health.FINE]
    sys.exit(EnvironmentFault.exit_code if lacking else EXIT_PASSED)
