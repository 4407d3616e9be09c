"""Holds train.py on several GPUs, by each configuration in submission/configs/, against itself on one, in one run.

Usage: python benchmarks/several_gpus.py [--base random:qwen3-4b] [--train_file FILE] [--processes 2] [--steps 24]
Without options: two processes and a tiny random base. Without GPUs they work on this machine's CPU, where two short
rows are quicker than a long one, so that times say little there.

All sides take the same updates of 16 examples, then of 64, with plain AdamW and no dropout, so that their losses can be
compared. Shapes of batches are recorded before the clock runs, which in a real run is soon over. Memory is that of the
process with the most. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from model_parts import find_base, instruction_of, read_examples, record_passes, wait
from rich.console import Console
from rich.table import Table

SUBMISSION = Path(__file__).resolve().parent.parent / "submission"
SIZES = (16, 64)
"""Examples that share an update, the default first."""
WARM = 3
ALONE = "one process"


def main() -> None:
    """Measure, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="random:tiny", help="random:tiny, random:qwen3-4b, or a folder")
    parser.add_argument("--train_file", type=Path, help="rows of instruction and output; default: made up")
    parser.add_argument("--processes", type=int, default=2, help="one for each GPU (default: 2)")
    parser.add_argument(
        "--steps", type=int, default=24, help="updates of each size, 3 to warm up included (default: 24)"
    )
    options = parser.parse_args()
    if torch.cuda.is_available() and torch.cuda.device_count() < options.processes:
        sys.exit(f"{options.processes} processes need as many GPUs; here are {torch.cuda.device_count()}")
    if options.steps <= WARM:
        sys.exit(f"--steps is {options.steps}; it must be above {WARM}")
    with tempfile.TemporaryDirectory() as name:
        results = measure(options, Path(name))
    show(results, options)
    print(json.dumps(results))


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Train on one GPU, then on several by each configuration."""
    examples = read_examples(options.train_file, sum(SIZES) * options.steps)
    if len(examples) < sum(SIZES) * options.steps:
        sys.exit(
            f"{options.steps} steps need {sum(SIZES) * options.steps} rows; {options.train_file} has {len(examples)}"
        )
    base = find_base(options.base, folder, examples, "cuda" if torch.cuda.is_available() else "cpu")
    rows = [{"instruction": instruction_of(one), "output": one.output} for one in examples]
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
    launcher += ["--num_processes", str(options.processes), "--config_file"]
    ways = {ALONE: [sys.executable]}
    for config in sorted(SUBMISSION.glob("configs/*.yaml")):
        if config.stem == "deepspeed_zero2" and find_spec("deepspeed") is None:
            print("deepspeed_zero2.yaml is left out: DeepSpeed is not installed", flush=True)
            continue
        ways[config.name] = [*launcher, str(config)]
    results: list[dict[str, Any]] = []
    for name, command in ways.items():
        results.append({"name": name, **run(command, base, folder)})
        print({key: value for key, value in results[-1].items() if key != "losses"}, flush=True)
    return results


def run(command: Sequence[str], base: Path, folder: Path) -> dict[str, Any]:
    """Train by train.py as it is launched with a command."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        files = ["--base_model", base, "--train_file", folder / "rows.json", "--output_dir", output]
        recipe = ["--num_epochs", 1, "--examples_per_step", SIZES[0], "--lora_dropout", 0, "--optimizer", "adamw"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "WATCHED_NOTES": output}
        subprocess.run([*command, __file__, *map(str, [*files, *recipe])], check=True, env=environment)
        notes = [json.loads(path.read_text()) for path in sorted(Path(output).glob("note.*.json"))]
    most = {key: round(max(one[key] for one in notes), 2) for key in ("loading_gb", "training_gb")}
    return {"processes": len(notes), "tokens_per_s": notes[0]["tokens_per_s"], **most, "losses": notes[0]["losses"]}


def watched(notes: Path) -> int:
    """Be train.py, but for the updates: they are of several sizes, and timed."""
    sys.path.insert(0, str(SUBMISSION))
    import train
    from training.trainer import Trainer

    def run_timed(self: Any, state: Any = None) -> None:
        facts = {"loading_gb": peak_gb(), **timed(self), "training_gb": peak_gb()}
        (notes / f"note.{self.together.index}.json").write_text(json.dumps(facts))

    Trainer.run = run_timed  # type: ignore[method-assign]
    status: int = train.main(sys.argv[1:])
    return status


def timed(trainer: Any) -> dict[str, Any]:
    """Take updates of each size."""
    trainer.loss.train()
    steps = len(trainer.examples) // sum(SIZES)
    losses, speeds, begin = [], [], 0
    for size in SIZES:
        chosen = [range(at, at + size) for at in range(begin, begin + size * steps, size)]
        begin += size * steps
        record_passes(trainer, chosen)
        seconds, tokens = 0.0, 0
        for number, numbers in enumerate(chosen, 1):
            wait()
            start_s = time.perf_counter()
            losses.append(trainer.step(number, numbers))
            wait()
            if number > WARM:
                seconds += time.perf_counter() - start_s
                tokens += sum(trainer.lengths[one] for one in numbers)
        speeds.append(round(tokens / seconds, 1))
    return {"losses": losses, "tokens_per_s": speeds}


def peak_gb() -> float:
    """Give the most memory that was held since the last call."""
    if not torch.cuda.is_available():
        return 0.0
    peak: float = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return peak


def show(results: Sequence[Mapping[str, Any]], options: argparse.Namespace) -> None:
    """Print what each way gave."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    table = Table(title=f"{options.base}, {options.processes} processes, {device}")
    sizes = [heading for size in SIZES for heading in (f"{size} an update: tokens/s", "times")]
    for heading in ("", *sizes, "loading GB", "training GB", "losses apart"):
        table.add_column(heading, justify="left" if not heading else "right")
    first = results[0]
    for one in results:
        speeds = zip(one["tokens_per_s"], first["tokens_per_s"], strict=True)
        widest = max(abs(mine / other - 1) for mine, other in zip(one["losses"], first["losses"], strict=True))
        table.add_row(
            one["name"],
            *[words for mine, other in speeds for words in (f"{mine:,.0f}", f"{mine / other:.2f}x")],
            *[f"{one[key]:.1f}" if torch.cuda.is_available() else "" for key in ("loading_gb", "training_gb")],
            f"{widest:.3%}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    if notes := os.environ.get("WATCHED_NOTES"):
        sys.exit(watched(Path(notes)))
    main()
