"""Holds the scoring engine against the loop that a course would write, both in one run, and shows what each step gave.

Usage: python benchmarks/scoring.py [--device cuda] [--base random:qwen3-4b] [--examples FILE] [--adapters 20]
Without options: a tiny random base on this machine's CPU and made-up examples, under two minutes. The last line is
JSON.
"""

import argparse
import contextlib
import json
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from model_parts import Row, batched, encode_rows, find_base, fresh, loop, make_adapter, read_examples
from peft import PeftModel
from rich.console import Console
from rich.table import Table

from harness.model.assignment import Quantization
from harness.scoring.base import DTYPES, Base, add_slots, load_model, plan_weights, unpack
from harness.scoring.engine import Engine, adapted
from harness.scoring.norms import fuse_norms
from harness.scoring.plan import padded_tokens, plan_batches
from harness.scoring.protocol import PromptedExample

NF4 = Quantization(load_in_4bit=True)
PLAIN_BUDGET = 16_384
REPEATS = {"cuda": 3, "cpu": 1}


class Clock:
    """Times calls with all queued device work in them, and keeps the steps that it was told."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.steps: list[tuple[str, float, float]] = []

    def seconds(self, call: Callable[[], Any]) -> tuple[float, Any]:
        """Time one call."""
        self._wait()
        start = time.perf_counter()
        answer = call()
        self._wait()
        return time.perf_counter() - start, answer

    def step(self, name: str, call: Callable[[], Sequence[float]], *, repeats: int | None = None) -> list[float]:
        """Time a step: the median of some calls after a first one; once where `repeats` is 0."""
        first, perplexities = self.seconds(call)
        times = [self.seconds(call)[0] for _ in range(REPEATS[self.device] if repeats is None else repeats)]
        self.steps.append((name, statistics.median(times or [first]), statistics.fmean(perplexities)))
        print(f"{name}: {self.steps[-1][1]:.3f} s (first {first:.3f} s)", flush=True)
        return list(perplexities)

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def parts(clock: Clock, base: Path, adapter: Path, rows: Sequence[Row], options: argparse.Namespace) -> dict[str, Any]:
    """Go from the loop to the engine step by step, on one base model; gives the load times and the loop's figures."""
    device, dtype = torch.device(options.device), DTYPES[options.dtype]
    load_s, (_, model) = clock.seconds(lambda: load_model(base, NF4, device, dtype))
    attach_s, peft_model = clock.seconds(lambda: PeftModel.from_pretrained(model, adapter).eval())
    one_by_one = clock.step(
        "batch-1 loop, NF4, peft", lambda: loop(peft_model, rows[: options.loop_examples]), repeats=0
    )
    in_batches = lambda: batched(peft_model, rows, token_budget=PLAIN_BUDGET)  # noqa: E731
    clock.step("sorted batches", in_batches)
    del peft_model, model
    _, model = load_model(base, NF4, device, dtype)  # anew: on the CPU a first pass packs the weights in another way
    unpack_s, _ = clock.seconds(lambda: unpack(model, DTYPES[NF4.bnb_4bit_compute_dtype]))
    peft_model = PeftModel.from_pretrained(model, adapter).eval()
    clock.step("base unpacked once", lambda: batched(peft_model, rows, token_budget=PLAIN_BUDGET))
    model = peft_model.unload()
    slotted(clock, model, adapter, rows, device=device, dtype=dtype)
    return {"load_and_quantise_s": load_s, "attach_s": attach_s, "dequantise_s": unpack_s, "loop": one_by_one}


def slotted(
    clock: Clock, model: Any, adapter: Path, rows: Sequence[Row], *, device: torch.device, dtype: torch.dtype
) -> None:
    """Go on with slots in the place of peft's modules."""
    from harness.scoring.adapter import LayerShape

    slots = add_slots(model, fused=False, dtype=dtype, device=device)
    shapes = {
        name: LayerShape(in_features=one.in_features, out_features=one.out_features) for name, one in slots.items()
    }
    base = Base(None, model, slots, shapes, "dequantised", device)
    with adapted(base, adapter):
        clock.step("slots, peft's order", lambda: batched(model, rows, token_budget=PLAIN_BUDGET))
    if device.type == "cuda":
        for name, slot in slots.items():
            model.set_submodule(name, slot.base)
        base = Base(
            None, model, add_slots(model, fused=True, dtype=dtype, device=device), shapes, "dequantised", device
        )
        with adapted(base, adapter):
            clock.step("slots, fused order", lambda: batched(model, rows, token_budget=PLAIN_BUDGET))
    fuse_norms(model)
    with adapted(base, adapter):
        clock.step("norms in one kernel", lambda: batched(model, rows, token_budget=PLAIN_BUDGET))


def engine_steps(
    clock: Clock, base: Path, adapters: Sequence[Path], examples: Sequence[PromptedExample], options: argparse.Namespace
) -> dict[str, Any]:
    """Time the engine whole: its load, its first adapter, swaps, adapters in a row."""

    def score(adapter: Path | None) -> list[float]:
        return [one.perplexity for one in engine.score(examples, adapter)]

    arguments = {"quantization": NF4, "device": options.device, "dtype": options.dtype, "max_tokens": 2048}
    load_s, engine = clock.seconds(lambda: Engine(str(base), **arguments))
    first_s, first = clock.seconds(lambda: score(adapters[0]))
    decoder, shared = engine._decoder, engine._shared
    engine._decoder = None
    clock.step("head on output positions, better plan (swap included from here on)", lambda: score(adapters[0]))
    engine._decoder = decoder
    engine._shared = lambda encoded: 0
    clock.step("own forward pass, small operations fused", lambda: score(adapters[0]))
    engine._shared = shared
    seen = clock.step("shared start of the prompts once: the engine", lambda: score(adapters[0]))
    base_s = statistics.median([clock.seconds(lambda: score(None))[0] for _ in range(REPEATS[clock.device])])
    row_s = [clock.seconds(lambda one=one: score(one))[0] for one in adapters]
    swaps = [clock.seconds(lambda one=one: swap(engine, one))[0] for one in adapters]
    again, base_twice = score(adapters[0]), [score(None), score(None)]
    if again != seen or first != seen or base_twice[0] != base_twice[1]:
        raise SystemExit("the same adapter did not give the same bits")
    return {
        "engine_load_s": load_s,
        "bare_base_s": base_s,
        "shared_tokens": shared(engine._encode(examples)),
        "weights": engine.weights,
        "first_adapter_s": first_s,
        "swap_mean_s": statistics.fmean(swaps),
        "swap_max_s": max(swaps),
        "row_mean_s": statistics.fmean(row_s),
        "row_max_s": max(row_s),
        "engine": seen,
        "object": engine,
    }


def swap(engine: Engine, adapter: Path) -> None:
    """Put an adapter on and take it off."""
    with adapted(engine._base, adapter):
        pass


def profile(engine: Engine, examples: Sequence[PromptedExample], adapter: Path) -> str:
    """Say where the device's time goes in one adapter."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
        engine.score(examples, adapter)
        torch.cuda.synchronize()
    return str(seen.key_averages().table(sort_by="self_cuda_time_total", row_limit=30, max_name_column_width=90))


def peak_memory_bytes(device: str) -> int:
    """Give the most memory that was taken so far: on the GPU, or by this process."""
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make what is measured, and measure it."""
    clock = Clock(options.device)
    examples = read_examples(options.examples, options.count)
    device = options.device
    took, base = clock.seconds(lambda: find_base(options.base, folder, examples, device))
    if options.base.startswith("random:"):
        print(f"made the base in {took:.1f} s", flush=True)
    adapters = [
        make_adapter(folder / f"adapter{seed}", base, rank=options.rank, seed=seed, device=device)
        for seed in range(options.adapters)
    ]
    from transformers import AutoTokenizer

    rows = encode_rows(AutoTokenizer.from_pretrained(base), examples)
    facts = parts(clock, base, adapters[0], rows, options)
    free(device)
    facts |= engine_steps(clock, base, adapters, examples, options)
    if options.profile:
        print(profile(facts["object"], examples, adapters[0]))
    del facts["object"]
    lengths = [len(row.ids) for row in rows]
    one_by_one, seen = facts.pop("loop"), facts.pop("engine")
    means = statistics.fmean(one_by_one), statistics.fmean(seen[: len(one_by_one)])
    loop_s = clock.steps[0][1] * len(rows) / len(one_by_one)
    planned = padded_tokens(lengths, plan_batches(lengths, token_budget=8192))
    weights, size = plan_weights(base, quantization=NF4, device=device, dtype=options.dtype)
    return facts | {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "dtype": options.dtype,
        "base": options.base,
        "examples": len(rows),
        "tokens": sum(lengths),
        "tokens_padded": planned,
        "tokens_scored": sum(len(row.ids) - row.scored_from for row in rows),
        "loop_s": loop_s,
        "ratio": loop_s / facts["row_mean_s"],
        "mean_loop": means[0],
        "mean_engine": means[1],
        "mean_differs_percent": 100 * abs(means[1] / means[0] - 1),
        "worst_example_differs_percent": 100 * max(abs(b / a - 1) for a, b in zip(one_by_one, seen, strict=False)),
        "planned_weights": weights,
        "planned_bytes": size,
        "peak_memory_bytes": peak_memory_bytes(device),
        "steps": clock.steps,
    }


def free(device: str) -> None:
    """Give back what the steps before held."""
    if device == "cuda":
        print(f"peak so far {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
    fresh()


def show(facts: dict[str, Any]) -> None:
    """Print the steps, the figures, and JSON last."""
    table = Table(
        "step", title=f"{facts['device']}, {facts['base']}, {facts['examples']} examples", title_justify="left"
    )
    for heading in ("seconds", "loop / this", "before / this", "mean PPL"):
        table.add_column(heading, justify="right")
    before = loop_s = facts["loop_s"]
    for at, (name, seconds, mean) in enumerate(facts["steps"]):
        taken = loop_s if at == 0 else seconds
        figures = (f"{taken:.3f}", f"{loop_s / taken:.1f}", f"{before / taken:.2f}", f"{mean:.4f}")
        table.add_row(name, *figures)
        before = taken
    console = Console(width=120)
    console.print(table)
    for name, value in facts.items():
        if name != "steps":
            console.print(f"{name:32} {value:.4g}" if isinstance(value, float) else f"{name:32} {value}")
    print(json.dumps(facts))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=tuple(DTYPES), help="bfloat16 on cuda, float32 on cpu")
    parser.add_argument("--base", default="random:tiny", help="folder of a Qwen3 base, random:tiny or random:qwen3-4b")
    parser.add_argument("--examples", type=Path, help="JSON array of {id, instruction, output}; else made up")
    parser.add_argument("--count", type=int, default=250, help="examples, at most")
    parser.add_argument("--loop-examples", type=int, help="so many in the loop, whose time is extrapolated")
    parser.add_argument("--adapters", type=int, default=20)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--folder", help="where base and adapters are made and kept; else they are removed")
    parser.add_argument("--profile", action="store_true", help="print where the GPU's time goes")
    options = parser.parse_args()
    options.dtype = options.dtype or ("bfloat16" if options.device == "cuda" else "float32")
    options.loop_examples = options.loop_examples or options.count
    warnings.filterwarnings("ignore", category=FutureWarning)
    with contextlib.nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as name:
        show(measure(options, Path(name)))


if __name__ == "__main__":
    main()
