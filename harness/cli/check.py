"""`harness check`: what `grade` runs, on the public data, for a student."""

from pathlib import Path
from typing import Any

import click

from harness.cli.options import default_folder, grade_alone, plan, shared


@click.command()
@click.argument("submission", type=click.Path(path_type=Path))
@shared
def check(
    submission: Path, output: Path | None, student_id: str | None, form: str, lang: str | None, **options: Any
) -> None:
    """Check SUBMISSION (folder or archive) on the public data, as the grader will.

    Without a container engine it runs as a plain process: it is your own code.
    """
    from harness.batch.handed_in import with_submissions

    folder = output or default_folder()
    loaded = plan(**options, split="public", allow_process=True)
    alone = with_submissions(loaded, [submission], run_folder=folder, student_id=student_id)
    grade_alone(alone, folder, form=form, lang=lang)
