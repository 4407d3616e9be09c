"""Holds the reference submission's prediction against a loop over prompts, both in one run, step by step.

Usage: python benchmarks/prediction.py [--device cuda] [--base random:qwen3-4b] [--prompts FILE] [--loop 16]
Without options: a tiny random base on this machine's CPU and made-up prompts. The loop is `generate` with a prompt at a
time on a 4-bit base with PEFT's adapter, over some of the prompts; the others answer all. No random model ends an
answer, so each is as long as the reference in the file (or --new_tokens), on all sides. Times are all that comes after
the model is loaded and two prompts are answered, which loads kernels: trying the model out and recording steps count.

Texts are compared with the loop's. A random model decides by a hair, and where rounding differs its texts part early;
--learn FILE teaches it the rows of a file first, with all its weights, which makes its choices those of a small trained
model. The table also tells by how much the loop's model prefers its own token where a text parts from it, in standard
deviations of the logits: near 0 is rounding, 1 would be a mistake. --bf16 computes in bf16 on a CPU too, which
predict.py does on GPUs alone. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from model_parts import find_base, fresh, instruction_of, learn, make_adapter, read_examples, wait
from rich.console import Console
from rich.table import Table
from transformers import GenerationConfig

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "submission"))

from base_model import load_tokenizer
from encoding import encode_prompt
from predict import load_model
from prediction.choice import Decoding, Prompt
from prediction.generation import Generator

RANK = 16
LOOP = "loop: a prompt at a time, 4-bit base"
DEFAULT = "steps recorded: predict.py's defaults"
# In the order of the table: what each step from the loop to predict.py adds, then what it leaves out.
ORDER = (
    LOOP,
    "batches of 64 by generate, 4-bit base",
    "4-bit base expanded once",
    "slots: no padding, finished answers make room",
    DEFAULT,
    "not the default: 64 answers at a time",
    "not the default: 4-bit base (--keep_4bit)",
    "left out: adapter merged into the weights",
    "for comparison: loop on the expanded base",
)
Answers = dict[int, tuple[int, ...]]
Way = Callable[[Sequence[int]], Answers]
"""Answers the prompts with these numbers."""


def main() -> None:
    """Measure, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--base", default="random:tiny", help="random:tiny, random:qwen3-4b, or a folder")
    parser.add_argument("--prompts", type=Path, help="rows of instruction and output; default: made up")
    parser.add_argument("--count", type=int, help="prompts (default: 250 on a GPU, 24 on a CPU)")
    parser.add_argument("--loop", type=int, help="prompts of the loop (default: 16 on a GPU, 8 on a CPU)")
    parser.add_argument("--learn", type=Path, help="rows that a random base learns first; not those of --prompts")
    parser.add_argument("--epochs", type=int, default=3, help="of --learn (default: 3)")
    parser.add_argument("--bf16", action="store_true", help="compute in bf16 on a CPU, too")
    parser.add_argument("--new_tokens", type=int, help="length of each answer (default: that of its reference)")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU was found; leave --device out")
    if options.learn and not options.base.startswith("random:"):
        sys.exit("--learn is for a random base")
    options.count = options.count or (250 if options.device == "cuda" else 24)
    options.loop = options.loop or (16 if options.device == "cuda" else 8)
    with tempfile.TemporaryDirectory() as name:
        results = measure(options, Path(name))
    show(results, options)
    print(json.dumps(results))


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Answer in all ways."""
    examples = read_examples(options.prompts, options.count)
    rows = read_examples(options.learn) if options.learn else ()
    base = find_base(options.base, folder, [*examples, *rows], options.device, tied=False)
    if rows:
        learn(base, rows, epochs=options.epochs, device=options.device)
    adapter = make_adapter(folder / "adapter", base, rank=RANK, seed=1, device=options.device)
    sides: dict[str, dict[str, Any]] = {}

    def run(name: str, way: Way, numbers: Sequence[int]) -> None:
        way(numbers[:2])  # loads what the first call of a kernel loads
        sides[name] = timed(name, lambda: way(numbers))
        print(f"{name}: {sides[name]['tokens_per_s']:,} tokens/s", flush=True)

    def load(*, keep_4bit: bool) -> Any:
        model = load_model(str(base), adapter, keep_4bit=keep_4bit)
        return model.to(torch.bfloat16) if options.bf16 else model

    tokenizer, model = load_tokenizer(str(base)), load(keep_4bit=False)
    prompts = [
        Prompt(
            ids=encode_prompt(tokenizer, instruction_of(one)),
            key=one.id,
            limit=options.new_tokens or 1 + len(tokenizer(one.output, add_special_tokens=False)["input_ids"]),
        )
        for one in examples
    ]
    some = spread(len(prompts), options.loop)

    every = range(len(prompts))

    def own(batch_size: int | None = None, **how: bool) -> Way:
        def way(numbers: Sequence[int]) -> Answers:
            generator = Generator(model, tokenizer, Decoding(), batch_size=batch_size, **how)
            return {numbers[one.number]: one.tokens for one in generator.answer([prompts[one] for one in numbers])}

        return way

    def one_by_one(numbers: Sequence[int]) -> Answers:
        return loop(model, tokenizer, prompts, numbers)

    run(DEFAULT, own(), every)
    run("slots: no padding, finished answers make room", own(record=False), every)
    run("not the default: 64 answers at a time", own(64), every)
    run("4-bit base expanded once", own(64, slots=False), every)
    if options.device == "cpu":  # 4-bit weights are no faster there, and nothing that predict.py offers
        run(LOOP, one_by_one, some)
    else:
        run("for comparison: loop on the expanded base", one_by_one, some)
    model = model.merge_and_unload()
    run("left out: adapter merged into the weights", own(), every)
    if options.device == "cuda":
        del model
        fresh()
        model = load(keep_4bit=True)
        run(LOOP, one_by_one, some)
        run("batches of 64 by generate, 4-bit base", own(64, slots=False), every)
        run("not the default: 4-bit base (--keep_4bit)", own(), every)
    return list(compared(model, prompts, [sides[name] for name in ORDER if name in sides], some))


def spread(count: int, wanted: int) -> list[int]:
    """Give places spread over all prompts."""
    wanted = min(count, wanted)
    return [at * count // wanted for at in range(wanted)]


def loop(model: Any, tokenizer: Any, prompts: Sequence[Prompt], some: Sequence[int]) -> Answers:
    """Answer prompts as a first script does it; shares no code with the submission."""
    found = {}
    for number in some:
        ids = torch.tensor([list(prompts[number].ids)], device=model.device)
        how = GenerationConfig(
            do_sample=False,
            max_new_tokens=prompts[number].limit,
            min_new_tokens=1,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        with torch.inference_mode():
            full = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=how)
        found[number] = tuple(full[0, ids.shape[1] :].tolist())
    return found


def timed(name: str, way: Callable[[], Answers]) -> dict[str, Any]:
    """Time a way to answer."""
    fresh()
    start_s = time.perf_counter()
    answers = way()
    wait()
    seconds = time.perf_counter() - start_s
    tokens = sum(map(len, answers.values()))
    peak = round(torch.cuda.max_memory_allocated() / 1e9, 2) if torch.cuda.is_available() else None
    return {
        "name": name,
        "prompts": len(answers),
        "tokens": tokens,
        "seconds": round(seconds, 3),
        "tokens_per_s": round(tokens / seconds, 1),
        "peak_gb": peak,
        "answers": answers,
    }


def compared(
    model: Any, prompts: Sequence[Prompt], sides: Sequence[Mapping[str, Any]], some: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Hold answers against those of the loop."""
    first = next(one for one in sides if one["name"] == LOOP)
    expected: Answers = first["answers"]
    for side in sides:
        alike, gaps = [], [0.0]
        for number in some:
            mine, other = side["answers"][number], expected[number]
            pairs = enumerate(zip(mine, other, strict=False))
            at = next((at for at, (a, b) in pairs if a != b), min(len(mine), len(other)))
            alike.append(at)
            if at < min(len(mine), len(other)):
                gaps.append(preference(model, [*prompts[number].ids, *other[:at]], other[at], mine[at]))
        yield {
            **{key: value for key, value in side.items() if key != "answers"},
            "times": round(side["tokens_per_s"] / first["tokens_per_s"], 1),
            "identical": round(sum(side["answers"][one] == expected[one] for one in some) / len(some), 4),
            "alike_at_first": round(sum(alike) / sum(len(expected[one]) for one in some), 4),
            "widest_gap": round(max(gaps), 4),
        }


@torch.inference_mode()
def preference(model: Any, ids: Sequence[int], token: int, other: int) -> float:
    """Tell by how many standard deviations of the logits a model prefers one next token to another one."""
    logits = model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[0, -1].float()
    return float((logits[token] - logits[other]) / logits.std())


def show(results: Sequence[Mapping[str, Any]], options: argparse.Namespace) -> None:
    """Print what each step gave."""
    device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, base expanded on all sides"
    table = Table(title=f"{options.count} prompts, {options.base}, {device}; texts beside {options.loop} of the loop")
    for heading in ("", "tokens/s", "times", "seconds", "prompts", "peak GB", "identical", "alike until", "gap there"):
        table.add_column(heading, justify="left" if not heading else "right")
    for one in results:
        table.add_row(
            one["name"],
            f"{one['tokens_per_s']:,.0f}",
            f"{one['times']:.1f}x",
            f"{one['seconds']:.1f}",
            str(one["prompts"]),
            "" if one["peak_gb"] is None else f"{one['peak_gb']:.1f}",
            f"{one['identical']:.0%}",
            f"{one['alike_at_first']:.0%}",
            f"{one['widest_gap']:.3f}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
