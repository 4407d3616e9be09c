"""Measures an adapter against its base and writes a report: `evaluation/` with Markdown, JSON and plots.

    python submission/evaluate.py --base_model BASE --adapter runs/training/adapter_checkpoint \\
        --eval_file public.json --train_file train.json --checkpoints runs/training --generate

This file declares the options and checks all that can be checked before a model is loaded; it must not import torch
before that. What is measured is in `evaluation/measure.py`, what perplexity means in
`evaluation/perplexity.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapter.files import find_problem, refuse_unusable
from adapter.fit import refuse_other_base
from adapter.swap import refuse_other_shape
from base_model import explain_missing, prepare_libraries
from evaluation.exemplars import Row, choose_exemplars
from evaluation.perplexity import MAX_TOKENS
from evaluation.report import FILES, write_report
from files import InputError, is_torn, read_rows, scratch_folder
from progress import a_few, complain, say
from training.checkpoints import FOLDER, checkpoints

SHOTS = (0, 1, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that an evaluation needs, read and checked."""

    options: argparse.Namespace
    rows: Sequence[Row]
    shots: Sequence[int]  # none: no few-shot comparison
    exemplars: Sequence[Row]
    checkpoints: Sequence[Path]
    predictions: Sequence[str] | None  # in the order of the rows


def build_parser() -> argparse.ArgumentParser:
    """Declare the options."""
    parser = argparse.ArgumentParser(
        usage="%(prog)s --base_model BASE --adapter FOLDER --eval_file FILE [options]",
        description="Measure an adapter against its base model and write a report.",
    )
    add = parser.add_argument
    add("--base_model", required=True, help="folder or hub name of the base model")
    add("--adapter", required=True, type=Path, help="folder of the adapter")
    add("--eval_file", required=True, type=Path, help='JSON array of {"id", "instruction", "output"} to measure on')
    add("--train_file", type=Path, help="where the exemplars of the few-shot comparison come from")
    add("--checkpoints", type=Path, metavar="FOLDER", help="the --output_dir of train.py: draws the learning curve")
    add("--shots", type=_shots, help="numbers of exemplars, like 0,1,3,5 (the default where --train_file is given)")
    add("--predictions", type=Path, metavar="FILE", help="what predict.py wrote for --eval_file: compared as texts")
    add("--generate", action="store_true", help="let base, few-shot base and adapter answer, and compare the texts")
    add("--max_new_tokens", type=int, default=256, help="longest answer (default: 256)")
    add("--samples", type=int, default=8, help="examples shown side by side; 0: none (default: 8)")
    add("--output_dir", type=Path, default=Path("evaluation"), help="folder to write (default: evaluation)")
    add("--overwrite", action="store_true", help="let the report of an earlier call in --output_dir go")
    add("--max_tokens", type=int, default=MAX_TOKENS, help=f"tokens at which an example is cut (default: {MAX_TOKENS})")
    add("--batch_tokens", type=int, default=8192, help="tokens on the device at a time (default: 8192)")
    add("--keep_4bit", action="store_true", help="a third of the memory, slower; needs a GPU")
    add("--seed", type=int, default=42, help="chooses the exemplars and the resamples of intervals (default: 42)")
    return parser


def _shots(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 0,1,3,5")
    return sorted({int(part) for part in parts})


def check(options: argparse.Namespace) -> Work:
    """Read the files, check everything, and give what the evaluation works on.

    Raises:
        InputError: Something is missing, broken or out of range.
    """
    for name, least in (("max_new_tokens", 1), ("samples", 0), ("batch_tokens", 1), ("max_tokens", 3), ("seed", 0)):
        if getattr(options, name) < least:
            raise InputError(f"--{name} is {getattr(options, name)}; it must be at least {least}")
    # A link stays, and leads to the report.
    if options.output_dir.is_symlink() or options.output_dir.name in ("", ".."):
        options.output_dir = Path(os.path.realpath(options.output_dir))
    refuse_foreign_folder(options.output_dir)
    if not options.overwrite:
        refuse_to_replace(options.output_dir)
    rows = read_rows(options.eval_file, fields=("id", "instruction", "output"))
    shots: Sequence[int] = options.shots or (SHOTS if options.train_file else ())
    if any(shots) and not options.train_file:
        raise InputError(f"--shots {','.join(map(str, shots))} needs --train_file, where the exemplars come from")
    train_rows = read_rows(options.train_file, fields=("instruction", "output")) if any(shots) else []
    exemplars = choose_exemplars(train_rows, rows, shots=max(shots), seed=options.seed) if any(shots) else []
    refuse_unusable(options.adapter)
    refuse_other_base(options.base_model, options.adapter)
    return Work(
        options=options,
        rows=rows,
        shots=shots,
        exemplars=exemplars,
        checkpoints=find_checkpoints(options.checkpoints, options.adapter) if options.checkpoints else [],
        predictions=read_predictions(options.predictions, rows) if options.predictions else None,
    )


def refuse_foreign_folder(folder: Path) -> None:
    """Refuse a folder that cannot be replaced, or holds anything but an earlier evaluation; nothing is measured before.

    Raises:
        InputError: It does, it is no folder, or nothing can be written beside it.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError(f"--output_dir {folder} is a file; name a folder")
    whole = Path(os.path.realpath(folder))
    if whole in (here := Path.cwd(), *here.parents) or os.path.ismount(whole):
        raise InputError(
            f"--output_dir {folder} is replaced as a whole, but this command stands in it, or it is a disk's; name a "
            f"folder in it, like {folder / 'evaluation'}"
        )
    try:
        with scratch_folder(folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write into {folder.parent}, where --output_dir goes: {error.strerror}") from error
    if not folder.exists():
        return
    others = sorted({path.name for path in folder.iterdir()} - FILES)
    if others:
        raise InputError(
            f"--output_dir {folder} is replaced as a whole, but holds {', '.join(others[:3])}; name a new folder"
        )


def refuse_to_replace(folder: Path) -> None:
    """Make sure that an earlier report is not lost by calling with other options.

    Raises:
        InputError: There is one.
    """
    if found := sorted(path.name for path in folder.iterdir()) if folder.exists() else []:
        raise InputError(
            f"--output_dir {folder} holds an earlier report ({a_few(found)}); --overwrite replaces it, or name another "
            "--output_dir"
        )


def find_checkpoints(folder: Path, adapter: Path) -> list[Path]:
    """Find the checkpoints of a training run that are of the adapter's shape; give them in order.

    Raises:
        InputError: There are none, or one is broken or of another shape.
    """
    found = checkpoints(folder.parent if folder.name == FOLDER else folder)
    if not found:
        raise InputError(f"--checkpoints {folder}: no {FOLDER}/step-* in it; give the --output_dir of train.py")
    for path in found:
        if problem := find_problem(path):
            raise InputError(f"--checkpoints: {path}: {problem}")
        refuse_other_shape(path, adapter)
    return found


def read_predictions(path: Path, rows: Sequence[Row]) -> list[str]:
    """Read answers and put them in the order of the rows; an answer may be empty.

    Raises:
        InputError: Ids are missing or unknown, or an answer is no text.
    """
    answers = {row["id"]: row.get("output") for row in read_rows(path, fields=("id",))}
    wanted = [row["id"] for row in rows]
    for words, ids in (
        ("has no answer to", [one for one in wanted if one not in answers]),
        ("answers what --eval_file does not ask:", sorted(answers.keys() - set(wanted))),
        ("has no text as output of", [one for one in wanted if not isinstance(answers.get(one), str)]),
        (
            "has half a character (a lone surrogate) in the output of",
            [one for one in wanted if isinstance(text := answers.get(one), str) and is_torn(text)],
        ),
    ):
        if ids:
            raise InputError(f"--predictions {path} {words} {a_few(ids)}")
    if all(answers[row["id"]] == row["output"] for row in rows):
        say(f"every answer in --predictions {path} is its reference to the letter; is it what predict.py wrote?")
    return [answers[one] or "" for one in wanted]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 wrong input, 4 missing package, 130 Ctrl-C."""
    options = build_parser().parse_args(argv)
    try:
        work = check(options)
        prepare_libraries(options.base_model)
        from evaluation.measure import evaluate

        write_report(evaluate(work), options.output_dir)
    except (InputError, OSError) as error:
        complain(f"evaluate.py: {error}")
        return 2
    except ImportError as error:
        complain(f"evaluate.py: {explain_missing(error)}")
        return 4
    except KeyboardInterrupt:
        complain("evaluate.py: stopped; nothing is written, and the same command begins anew")
        return 130
    say(f"wrote {options.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
