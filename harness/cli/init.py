"""`harness init`: a submission that passes at once, to be changed from there."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.batch.start import Started

_TRAINING = "runs/training"


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
    click.echo("Next: look, train, put the trained adapter in place, check:")
    for command in _commands(made, assignment, base_model):
        click.echo(f"  {command}")
    click.echo("When it is good, upload the adapter's zip and pack the hand-in with its link:")
    click.echo(f"  {_pack(made, student_id, known=assignment is not None)}")


def _commands(made: "Started", assignment: Path | None, base_model: Path | None) -> list[str]:
    """Give the commands up to a full check: look, train, put the adapter in place, check."""
    rules, base = str(assignment or "ASSIGNMENT"), str(base_model or "BASE_MODEL")
    train = ["python3", "submission/train.py", "--base_model", str(base_model.resolve()) if base_model else base]
    train += ["--train_file", str(made.train_file.resolve()) if made.train_file else "TRAIN.json"]
    train += ["--output_dir", _TRAINING]
    place = shlex.join(["cp", "-r", f"{_TRAINING}/adapter_checkpoint/.", made.adapter_path])
    if made.adapter is None:
        place = f"{shlex.join(['mkdir', '-p', made.adapter_path])} && {place}"
    check = ["harness", "check", str(made.folder), "--assignment", rules, "--base-model", base]
    return [shlex.join([*check, "--quick"]), _within(made, shlex.join(train)), _within(made, place), shlex.join(check)]


def _pack(made: "Started", student_id: str | None, *, known: bool) -> str:
    """Give the command that packs what is handed in, with download.sh filled in; `known`: what an id is like."""
    whose = student_id or (made.folder.resolve().name if known and made.named else "ID")
    pack = ["python3", "submission/pack.py", "--student_id", whose, "--source", "YOUR LINK"]
    pack += ["--adapter", f"{_TRAINING}/adapter_checkpoint.zip", "--output", f"{_TRAINING}/{whose}.zip"]
    return _within(made, shlex.join(pack))


def _within(made: "Started", command: str) -> str:
    return f"(cd {shlex.quote(str(made.folder))} && {command})"
