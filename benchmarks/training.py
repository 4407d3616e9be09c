"""Holds the reference submission's training against the plain recipe, both in one run, and shows what each step gave.

Usage: python benchmarks/training.py [--device cuda] [--base random:qwen3-4b] [--train_file FILE] [--steps 20]
Without options: a tiny random base on this machine's CPU and made-up examples. The plain recipe is transformers'
Trainer with rows padded to 512, batches of 4, 4 of them accumulated, gradient checkpointing, a 4-bit base. All sides
see the same 16 examples in each step, begin with the same adapter and have no dropout, so that their losses can be
compared. The last line is JSON.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from model_parts import find_base, fresh, instruction_of, read_examples, record_passes, wait
from peft import LoraConfig, get_peft_model
from rich.console import Console
from rich.table import Table
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "submission"))

from base_model import load_base, load_tokenizer
from encoding import IGNORED, Encoded, encode_rows
from settings import Settings
from training.batches import plan_steps
from training.lora import add_adapter, linear_layers
from training.together import Together
from training.trainer import Trainer as OwnTrainer
from utils import get_bnb_config

PADDED, BATCH, ACCUMULATED = 512, 4, 4
EXAMPLES = BATCH * ACCUMULATED
WARM = 3
# From the plain recipe to train.py's own settings, a change at a time; then a setting for small GPUs.
OURS: Mapping[str, dict[str, Any]] = {
    "own loop: no padding to 512, head on answers alone": {
        "keep_4bit": True,
        "packing": False,
        "cuda_graphs": False,
        "gradient_checkpointing": "on",
    },
    "no gradient checkpointing": {"keep_4bit": True, "packing": False, "cuda_graphs": False},
    "examples share rows": {"keep_4bit": True, "cuda_graphs": False},
    "4-bit base expanded once": {"cuda_graphs": False},
    "passes recorded: train.py's defaults": {},
    "for 8 GB: 4-bit base, checkpointing, 1,024 tokens at a time": {
        "keep_4bit": True,
        "gradient_checkpointing": "on",
        "batch_tokens": 1024,
    },
}


def main() -> None:
    """Measure, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--base", default="random:tiny", help="random:tiny, random:qwen3-4b, or a folder")
    parser.add_argument("--train_file", type=Path, help="rows of instruction and output; default: made up")
    parser.add_argument("--steps", type=int, default=20, help="updates that are timed, after some to warm up")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        results = measure(options, Path(name))
    show(results)
    print(json.dumps(results))


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Run the plain recipe and every step from it."""
    count = EXAMPLES * (options.steps + WARM)
    examples = read_examples(options.train_file, count)
    base = find_base(options.base, folder, examples, options.device)
    rows = [{"instruction": instruction_of(one), "output": one.output} for one in examples]
    encoded, _ = encode_rows(load_tokenizer(str(base)), rows, max_length=PADDED)
    order = [
        one for _, chosen in plan_steps(len(encoded), examples_per_step=EXAMPLES, epochs=1, seed=0) for one in chosen
    ]
    encoded = [encoded[one] for one in order]
    results = [plain(base, encoded, options)]
    print(results[0], flush=True)
    for name, changes in OURS.items():
        if options.device == "cpu":
            changes = {key: value for key, value in changes.items() if key != "keep_4bit"}
        results.append(ours(name, changes, base, encoded, folder, options))
        print(results[-1], flush=True)
    return results


class InOrder(Trainer):
    """A trainer that takes the rows as they come."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)


class Times(TrainerCallback):
    """Takes down when each update ended."""

    def __init__(self) -> None:
        self.ends_s: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Wait for the device first."""
        wait()
        self.ends_s.append(time.perf_counter())


def plain(base: Path, encoded: Sequence[Encoded], options: argparse.Namespace) -> dict[str, Any]:
    """Train by the recipe that a course would hand out."""
    fresh()
    model = _plain_model(base, options.device)
    times = Times()
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            per_device_train_batch_size=BATCH,
            gradient_accumulation_steps=ACCUMULATED,
            gradient_checkpointing=True,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            max_steps=options.steps + WARM,
            learning_rate=2e-4,
            lr_scheduler_type="cosine",
            warmup_steps=0,
            max_grad_norm=1.0,
            optim="adamw_torch",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            bf16=options.device == "cuda",
            use_cpu=options.device == "cpu",
        )
        trainer = InOrder(
            model=model, args=arguments, train_dataset=[_padded(one) for one in encoded], callbacks=[times]
        )
        trainer.train()
    AcceleratorState._reset_state()  # Trainer sets a precision in it, which another one may not change
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    steps_s = [end - start for start, end in zip(times.ends_s, times.ends_s[1:], strict=False)][WARM - 1 :]
    return _result("plain recipe", encoded, steps_s, losses)


def _plain_model(base: Path, device: str) -> Any:
    if device == "cpu":
        model = load_base(str(base))  # 4-bit weights cannot be trained on a CPU
    else:
        model = AutoModelForCausalLM.from_pretrained(
            base, quantization_config=get_bnb_config(), dtype=torch.bfloat16, device_map={"": "cuda:0"}
        )
    torch.manual_seed(0)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules=linear_layers(model), task_type="CAUSAL_LM")
    return get_peft_model(model, lora)


def _padded(one: Encoded) -> dict[str, torch.Tensor]:
    missing = PADDED - len(one["input_ids"])
    return {
        "input_ids": torch.tensor(one["input_ids"] + [0] * missing),
        "attention_mask": torch.tensor([1] * len(one["input_ids"]) + [0] * missing),
        "labels": torch.tensor(one["labels"] + [IGNORED] * missing),
    }


def ours(
    name: str,
    changes: Mapping[str, Any],
    base: Path,
    encoded: Sequence[Encoded],
    folder: Path,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Train by the reference submission's own loop."""
    fresh()
    common: dict[str, Any] = {"optimizer": "adamw", "warmup_ratio": 0.0, "lora_dropout": 0.0, "max_length": PADDED}
    settings = Settings(
        base_model=str(base),
        train_file=folder / "unused",
        output_dir=folder / "out",
        num_epochs=1,
        examples_per_step=EXAMPLES,
        **{**common, **changes},
    )
    model = load_base(str(base), keep_4bit=settings.keep_4bit)
    torch.manual_seed(0)
    trainer = OwnTrainer(settings, Together(), add_adapter(model, settings), encoded, [], padding=0, origin={})
    trainer.rehearse()
    trainer.loss.train()
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    losses, steps_s = [], []
    chosen = [range(start, start + EXAMPLES) for start in range(0, len(encoded), EXAMPLES)]
    record_passes(trainer, chosen)
    for number, numbers in enumerate(chosen, 1):
        wait()
        start_s = time.perf_counter()
        losses.append(trainer.step(number, numbers))
        wait()
        steps_s.append(time.perf_counter() - start_s)
    return _result(name, encoded, steps_s[WARM:], losses)


def _result(name: str, encoded: Sequence[Encoded], steps_s: Sequence[float], losses: Sequence[float]) -> dict[str, Any]:
    tokens = sum(len(one["input_ids"]) for one in encoded[WARM * EXAMPLES :])
    peak = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None
    return {
        "name": name,
        "useful_tokens_per_s": round(tokens / sum(steps_s), 1),
        "step_s": round(statistics.median(steps_s), 4),
        "peak_gb": peak and round(peak, 2),
        "losses": [round(one, 4) for one in losses],
    }


def show(results: Sequence[Mapping[str, Any]]) -> None:
    """Print what each step gave, and how far its losses are from those of the plain recipe."""
    table = Table(title=f"{EXAMPLES} examples a step")
    for heading in ("", "useful tokens/s", "times", "step", "peak GB", "loss, first and last", "furthest from plain"):
        table.add_column(heading, justify="left" if not heading else "right")
    first = results[0]
    for one in results:
        pairs = zip(one["losses"], first["losses"], strict=False)
        table.add_row(
            one["name"],
            f"{one['useful_tokens_per_s']:,.0f}",
            f"{one['useful_tokens_per_s'] / first['useful_tokens_per_s']:.1f}x",
            f"{one['step_s']:.3f} s",
            "" if one["peak_gb"] is None else f"{one['peak_gb']:.1f}",
            f"{one['losses'][0]:.3f}, {one['losses'][-1]:.3f}",
            f"{max(abs(a - b) / b for a, b in pairs):.2%}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
