"""`harness grade`: one submission on the private data."""

from typing import Any

import click

from harness.cli.options import parse_time, shared, start


@click.command()
@shared
@click.option("--submitted-at", help="When it was handed in (ISO 8601 with offset), for the late policy.")
@click.option("--i-trust-this-code", is_flag=True, help="Allow --sandbox process, which does not isolate.")
def grade(submitted_at: str | None, i_trust_this_code: bool, **options: Any) -> None:
    """Grade SUBMISSION (folder or archive) on the private data and keep record and evidence in the run folder."""
    start(**options, split="private", allow_process=i_trust_this_code, submitted_at=parse_time(submitted_at))
