"""Trains a LoRA adapter on a 4-bit base model (QLoRA) and leaves it ready for the hand-in.

    python submission/train.py --base_model Qwen/Qwen3-4B --train_file train.json --output_dir out

writes `adapter_checkpoint/` and its zip, `training_config.yaml`, `training_history.json`, a learning curve and
checkpoints. What decides a run is in `settings.py`, the prompt in `utils.py`, the training step in `training.py`. This
file checks all that can be checked before the model is loaded; it must not import torch before that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from textwrap import fill

from base_model import explain_missing, prepare_libraries
from files import InputError, read_rows
from progress import say
from settings import Settings, read_settings

FIELDS = ("instruction", "output")


def read_data(settings: Settings) -> tuple[Sequence[Mapping[str, str]], Sequence[Mapping[str, str]]]:
    """Read the rows to train on and, if there are any, those to evaluate on.

    Raises:
        InputError: A file cannot be used; the message says which row and why.
    """
    if settings.output_dir.exists() and not settings.output_dir.is_dir():
        raise InputError(f"--output_dir {settings.output_dir} is a file; name a folder")
    rows = read_rows(settings.train_file, fields=FIELDS)
    return rows, read_rows(settings.eval_file, fields=FIELDS) if settings.eval_file else []


def in_words(settings: Settings) -> str:
    """Give all settings in a few lines, as flags and --config name them."""
    words = ", ".join(f"{name} {value}" for name, value in settings.plain().items())
    return fill(f"settings: {words}", 100, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 wrong input, 4 missing package, 130 Ctrl-C."""
    try:
        settings = read_settings(argv)
        rows, eval_rows = read_data(settings)
        prepare_libraries(settings.base_model)
        from training import train

        say(in_words(settings))
        train(settings, rows, eval_rows=eval_rows)
    except (InputError, OSError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"train.py: {explain_missing(error)}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("train.py: stopped; with --resume it goes on from the last checkpoint, if there is one", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
