"""Trains a LoRA adapter on a 4-bit base model (QLoRA) and leaves it ready for the hand-in.

    python submission/train.py --base_model Qwen/Qwen3-4B --train_file train.json --output_dir runs/training

writes `adapter_checkpoint/` and its zip, `training_config.yaml`, `training_history.json`, a learning curve and
checkpoints. What decides a run is in `settings.py`, the prompt in `utils.py`, the training step in
`training/trainer.py`. This file checks all that can be checked before the model is loaded; it must not import torch
before that.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from adapter.files import ADAPTER_FILES, ADAPTER_FOLDER, ADAPTER_ZIP
from adapter.size import early_warning
from base_model import explain_missing, prepare_libraries
from files import InputError, read_rows
from progress import complain, say
from settings import Settings, read_settings
from training.checkpoints import FOLDER as CHECKPOINTS
from training.checkpoints import checkpoints, leftovers, place_of_state

FIELDS = ("instruction", "output")


def read_data(settings: Settings) -> tuple[Sequence[Mapping[str, str]], Sequence[Mapping[str, str]]]:
    """Read the rows to train on and, if there are any, those to evaluate on.

    Raises:
        InputError: A file cannot be used; the message says which row and why.
    """
    if settings.output_dir.exists() and not settings.output_dir.is_dir():
        raise InputError(f"--output_dir {settings.output_dir} is a file; name a folder")
    _refuse_other_things(settings.output_dir)
    refuse_to_replace(settings)
    rows = read_rows(settings.train_file, fields=FIELDS)
    eval_rows = read_rows(settings.eval_file, fields=FIELDS) if settings.eval_file else []
    for path, some in ((settings.train_file, rows), (settings.eval_file, eval_rows)):
        if ignored := sorted({name for row in some for name in row} - {*FIELDS, "id"}):
            say(f"{path}: not used, as only instruction and output are: {', '.join(ignored[:5])}")
    _probe(settings.output_dir)
    return rows, eval_rows


def refuse_to_replace(settings: Settings) -> None:
    """Make sure that an earlier run is not lost by calling the same command again.

    Raises:
        InputError: There is one, and nothing says what is to become of it.
    """
    if settings.resume or settings.overwrite:
        return
    if found := checkpoints(settings.output_dir):
        raise InputError(
            f"{settings.output_dir} has an earlier run ({found[-1].name} is its last checkpoint); --resume goes on "
            "from it, --overwrite removes it and begins anew, or name another --output_dir"
        )
    if others := leftovers(settings.output_dir):
        names = ", ".join(str(path.relative_to(settings.output_dir)) for path in others)
        raise InputError(
            f"{settings.output_dir} holds {names}; --overwrite replaces that, or name another --output_dir"
        )


def _refuse_other_things(output: Path) -> None:
    """Refuse a folder where a file is to be written, and the other way round."""
    files = (*(output / ADAPTER_FOLDER / name for name in ADAPTER_FILES), output / ADAPTER_ZIP)
    folders = (output / CHECKPOINTS,)
    for path in (*files, *folders):
        if path.exists() and path.is_dir() != (path in folders):
            seen, meant = ("folder", "file") if path.is_dir() else ("file", "folder")
            raise InputError(
                f"{path} is a {seen}, where a {meant} is to be written; move it, or name another --output_dir"
            )


def _probe(output: Path) -> None:
    """Make the folder and write where something is to be kept: that this fails must not be found out at the end."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for folder in (output, output / CHECKPOINTS, output / ADAPTER_FOLDER):
            if folder.is_dir():
                with tempfile.TemporaryFile(dir=folder) as file:
                    file.write(b"x")
    except OSError as error:
        raise InputError(f"cannot write into --output_dir {output}: {error.strerror}; name another folder") from error


def in_words(settings: Settings) -> str:
    """Give all settings in a few lines, as flags and --config name them."""
    width = min(100, shutil.get_terminal_size().columns)
    words = ", ".join(f"{name} {value}" for name, value in settings.plain().items())
    return fill(f"settings: {words}", width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 wrong input, 4 missing package, 130 Ctrl-C."""
    settings, earlier = None, None
    try:
        settings = read_settings(argv)
        earlier = _what_to_go_on_from(settings)
        rows, eval_rows = read_data(settings)
        prepare_libraries(settings.base_model)
        from training.run import train

        say(in_words(settings))
        if warning := early_warning(settings.base_model, settings.lora_rank, settings.targets):
            say(warning)
        train(settings, rows, eval_rows=eval_rows)
    except (InputError, OSError) as error:
        complain(f"train.py: {error}")
        return 2
    except ImportError as error:
        complain(f"train.py: {explain_missing(error)}")
        return 4
    except KeyboardInterrupt:
        complain(f"train.py: stopped; {_how_to_go_on(settings, earlier)}")
        return 130
    return 0


def _what_to_go_on_from(settings: Settings) -> tuple[str, int] | None:
    """Give the checkpoint that --resume would go on from, and when it was made, for runs give them the same names."""
    place = place_of_state(settings.output_dir)
    return (place.parent.name, place.stat().st_mtime_ns) if place else None


def _how_to_go_on(settings: Settings | None, earlier: tuple[str, int] | None) -> str:
    last = _what_to_go_on_from(settings) if settings else None
    if not settings or not last:
        return "there is no checkpoint yet: the same command begins anew"
    if settings.overwrite and last == earlier:
        return f"the earlier run is still there, up to {last[0]}: the same command begins anew"
    instead = " in place of --overwrite" if settings.overwrite else ""
    return f"the same command with --resume{instead} goes on from {last[0]}"


if __name__ == "__main__":
    sys.exit(main())
