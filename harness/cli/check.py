"""`harness check`: what `grade` runs, on the public data, for a student."""

from typing import Any

import click

from harness.cli.options import shared, start


@click.command()
@shared
def check(**options: Any) -> None:
    """Check SUBMISSION (folder or archive) on the public data, as the grader will.

    Without a container engine it runs as a plain process: it is your own code.
    """
    start(**options, split="public", allow_process=True)
