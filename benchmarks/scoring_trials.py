"""Measures what the scoring engine leaves out or falls back to: packed weights, other batches, CUDA graphs, compiling.

Usage: python benchmarks/scoring_trials.py FOLDER [--device cuda] [--examples FILE], where FOLDER is what
`benchmarks/scoring.py --folder FOLDER` left. CUDA graphs and compiling are tried on a GPU alone.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from model_parts import read_examples, wait

from harness.model.assignment import Quantization
from harness.scoring import base as loading
from harness.scoring.definition import Encoded
from harness.scoring.engine import Engine, adapted
from harness.scoring.plan import padded_tokens, plan_batches
from harness.scoring.protocol import PromptedExample

REPEATS = 5


def median_s(call: Callable[[], Any]) -> float:
    """Give the median of some calls after a first one."""
    times = []
    for _ in range(REPEATS + 1):
        wait()
        start = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def load(folder: Path, options: argparse.Namespace) -> Engine:
    """Load the engine."""
    dtype = "bfloat16" if options.device == "cuda" else "float32"
    four_bits = Quantization(load_in_4bit=True)
    return Engine(str(folder / "base"), quantization=four_bits, device=options.device, dtype=dtype, max_tokens=2048)


def weights(options: argparse.Namespace, examples: Sequence[PromptedExample]) -> Engine:
    """Compare packed and unpacked weights; gives the engine with the unpacked ones."""
    total, adapter = loading.total_memory_bytes, options.folder / "adapter0"
    scores = []
    for name, memory in (("packed", lambda device: 1), ("unpacked", total)):
        loading.total_memory_bytes = memory
        if options.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        engine = load(options.folder, options)
        seconds = median_s(lambda engine=engine: engine.score(examples, adapter))
        scores.append(engine.score(examples, adapter))
        peak = f", peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if options.device == "cuda" else ""
        print(f"{name} weights ({engine.weights}): {seconds:.3f} s{peak}", flush=True)
    print(f"packed and unpacked give the same bits: {scores[0] == scores[1]}")
    return engine


class Forward:
    """The forward passes of one adapter, with everything prepared."""

    def __init__(self, engine: Engine, examples: Sequence[PromptedExample], **plan: int) -> None:
        self.engine = engine
        self.encoded: list[Encoded] = engine._encode(examples)
        self.skip = engine._shared(self.encoded)
        lengths = [len(one.ids) - self.skip for one in self.encoded]
        cuts = plan_batches(lengths, **plan)
        self.padded = padded_tokens(lengths, cuts)
        self.batches = [engine._prepare(members, self.encoded, self.skip) for members in cuts]
        self.prefix = engine._prefix(self.encoded[0].ids[: self.skip]) if self.skip else None

    def __call__(self) -> list[torch.Tensor]:
        """Run all batches after the prefix."""
        return [self.engine._nll(batch, self.prefix) for batch in self.batches]


def plans(engine: Engine, examples: Sequence[PromptedExample]) -> None:
    """Compare token budgets and costs of a batch."""
    for budget in (4_096, 8_192, 16_384, 32_768):
        for cost in (128, 512, 1_024):
            forward = Forward(engine, examples, token_budget=budget, batch_cost_tokens=cost)
            sizes = f"{len(forward.batches)} batches, {forward.padded} tokens"
            print(f"budget {budget}, {cost} a batch: {sizes}, {median_s(forward):.3f} s", flush=True)


def graphs(forward: Forward) -> None:
    """Capture each batch as a CUDA graph and replay."""
    expected, captured = forward(), []
    wait()
    start = time.perf_counter()
    for batch in forward.batches:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=captured[0][0].pool() if captured else None):
            nll = forward.engine._nll(batch, forward.prefix)
        captured.append((graph, nll))
    wait()
    capture_s = time.perf_counter() - start
    replay_s = median_s(lambda: [graph.replay() for graph, _ in captured])
    same = all(torch.equal(one, nll) for one, (_, nll) in zip(expected, captured, strict=True))
    print(f"CUDA graphs: capture {capture_s:.2f} s, replay {replay_s:.3f} s, the same bits: {same}", flush=True)


def compiled(forward: Forward) -> None:
    """Compile transformers' layers and run them in place of our forward pass."""
    engine = forward.engine
    engine._decoder, forward.prefix = None, None
    print(f"transformers' forward: {median_s(forward):.3f} s", flush=True)
    torch._dynamo.config.recompile_limit = 256
    for layer in engine._base.model.base_model.layers:
        layer.compile(dynamic=True)
    start = time.perf_counter()
    forward()
    wait()
    first_s = time.perf_counter() - start
    print(f"the same, compiled: first {first_s:.1f} s, then {median_s(forward):.3f} s", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--count", type=int, default=250)
    options = parser.parse_args()
    examples = read_examples(options.examples, options.count)
    engine = weights(options, examples)
    with adapted(engine._base, options.folder / "adapter0"), torch.inference_mode():
        plans(engine, examples)
        forward = Forward(engine, examples, token_budget=8_192)
        print(f"forward passes after the prefix: {median_s(forward):.3f} s", flush=True)
        if options.device == "cuda":
            graphs(forward)
            engine._shared = lambda encoded: 0  # type: ignore[method-assign]
            compiled(Forward(engine, examples, token_budget=8_192))


if __name__ == "__main__":
    main()
