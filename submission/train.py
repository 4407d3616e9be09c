"""Trains a LoRA adapter on a 4-bit base model (QLoRA) and leaves it ready for the hand-in.

    python submission/train.py --base_model Qwen/Qwen3-4B --train_file train.json --output_dir out

writes `out/adapter_checkpoint/`, `out/adapter_checkpoint.zip` and `out/training_history.json`. This file declares the
options and checks the data; the recipe itself is in `qlora.py`. It must not import torch before the options are right.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from base_model import explain_missing, prepare_libraries
from files import InputError, read_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides what comes out of a training run."""

    base_model: str
    train_file: Path
    output_dir: Path
    eval_file: Path | None
    num_epochs: float
    batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    warmup_ratio: float
    lora_rank: int
    lora_alpha: int
    lora_dropout: float
    max_length: int
    gradient_checkpointing: bool
    keep_4bit: bool
    seed: int


def build_parser() -> argparse.ArgumentParser:
    """Declare the options; the defaults suit a 4B model and a GPU of 24 GB."""
    parser = argparse.ArgumentParser(
        description="QLoRA fine-tuning on rows of instruction and output.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--base_model", required=True, help="folder or hub name of the base model")
    add("--train_file", required=True, type=Path, help='JSON array of {"instruction", "output"}')
    add("--output_dir", required=True, type=Path, help="where adapter, zip and history go")
    add("--eval_file", type=Path, help="like --train_file; its loss is reported after each epoch")
    add("--num_epochs", type=float, default=3, help="passes over the data")
    add("--batch_size", type=int, default=8, help="rows at a time on the device")
    add("--gradient_accumulation_steps", type=int, default=2, help="batches that share one update")
    add("--learning_rate", type=float, default=2e-4, help="peak; falls to 0 along a cosine")
    add("--warmup_ratio", type=float, default=0.03, help="share of the updates in which the rate rises")
    add("--lora_rank", type=int, default=16, help="rank of the adapter, on every linear layer")
    add("--lora_alpha", type=int, default=32, help="the adapter is scaled by alpha / rank")
    add("--lora_dropout", type=float, default=0.05, help="dropout on the adapter's input")
    add("--max_length", type=int, default=1024, help="tokens at which a row is cut")
    add("--gradient_checkpointing", action="store_true", help="less memory, about 1.4x slower")
    add("--keep_4bit", action="store_true", help="a third of the memory, about half as fast; needs a GPU")
    add("--seed", type=int, default=42, help="same seed, same machine: same adapter")
    return parser


def check_settings(settings: Settings) -> None:
    """Refuse numbers that cannot work.

    Raises:
        InputError: A number is outside its range.
    """
    positive = ("num_epochs", "batch_size", "gradient_accumulation_steps", "learning_rate", "lora_rank", "lora_alpha")
    for name in (*positive, "max_length"):
        if getattr(settings, name) <= 0:
            raise InputError(f"--{name} is {getattr(settings, name)}; it must be above 0")
    for name in ("warmup_ratio", "lora_dropout"):
        if not 0 <= getattr(settings, name) < 1:
            raise InputError(f"--{name} is {getattr(settings, name)}; it must be at least 0 and below 1")


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for a wrong input, 4 for a missing package."""
    settings = Settings(**vars(build_parser().parse_args(argv)))
    try:
        check_settings(settings)
        rows = read_rows(settings.train_file, fields=("instruction", "output"))
        eval_rows = read_rows(settings.eval_file, fields=("instruction", "output")) if settings.eval_file else []
        prepare_libraries(settings.base_model)
        from qlora import train

        train(settings, rows, eval_rows=eval_rows)
    except InputError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"train.py: {explain_missing(error)}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
