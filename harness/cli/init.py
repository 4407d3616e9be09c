"""`harness init`: a submission that passes at once, to be changed from there."""

import shlex
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--student-id", help="Whose it is: FOLDER/ID is made, unless FOLDER is named after the id.")
@click.option("--assignment", type=click.Path(path_type=Path), help="Folder with assignment.yaml, or the file.")
@click.option(
    "--base-model",
    type=click.Path(path_type=Path),
    help="Folder of a base model of the assignment: an adapter that changes nothing is made for it.",
)
def init(folder: Path, student_id: str | None, assignment: Path | None, base_model: Path | None) -> None:
    """Make a submission in FOLDER, which must be new or empty: code, run.sh, download.sh.

    With --assignment and --base-model it passes `harness check` as it is: training then makes it better.
    """
    from harness.batch.start import start

    if base_model is not None and assignment is None:
        raise click.UsageError("--base-model needs --assignment, which says what an adapter may be.")
    made = start(folder, student_id=student_id, assignment_path=assignment, base_path=base_model)
    click.echo(f"Made {made.folder}: {made.files} files.")
    if made.adapter is not None:
        targets = ", ".join(made.adapter.targets)
        click.echo(f"Its adapter changes nothing yet (LoRA of rank {made.adapter.rank} on {targets}, B = 0).")
    if not made.named:
        click.echo("Its name holds no student id: name it after yours, or give --student-id to check.")
    click.echo("Next:")
    for command in _commands(made.folder, assignment, base_model, made.train_file):
        click.echo(f"  {command}")


def _commands(folder: Path, assignment: Path | None, base_model: Path | None, train_file: Path | None) -> list[str]:
    """Give the next three commands: look, train, check."""
    rules, base = str(assignment or "ASSIGNMENT"), str(base_model or "BASE_MODEL")
    train = ["python3", "submission/train.py", "--base_model", str(base_model.resolve()) if base_model else base]
    train += [
        "--train_file",
        str(train_file.resolve()) if train_file else "TRAIN.json",
        "--output_dir",
        "runs/training",
    ]
    check = ["harness", "check", str(folder), "--assignment", rules, "--base-model", base]
    return [
        shlex.join([*check, "--quick"]),
        f"(cd {shlex.quote(str(folder))} && {shlex.join(train)})",
        shlex.join(check),
    ]
