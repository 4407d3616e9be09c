"""Answers every instruction of a file with the fine-tuned model: `predict.py BASE ADAPTER INPUT OUTPUT`.

INPUT is a JSON array of `{"id", "instruction"}`; OUTPUT becomes `[{"id", "output"}]` in the same order, whole or not at
all. Needs no network when BASE is a folder. Must not know about references or scores.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adapter_files import find_problem
from base_model import explain_missing, load_base, load_tokenizer, prepare_libraries
from files import InputError, read_rows, write_json
from progress import say


def build_parser() -> argparse.ArgumentParser:
    """Declare arguments and options."""
    parser = argparse.ArgumentParser(description="Answer the instructions of INPUT and write the answers to OUTPUT.")
    parser.add_argument("base", metavar="BASE", help="folder or hub name of the base model")
    parser.add_argument("adapter", metavar="ADAPTER", type=Path, help="folder of the adapter")
    parser.add_argument("input", metavar="INPUT", type=Path, help='JSON array of {"id", "instruction"}')
    parser.add_argument("output", metavar="OUTPUT", type=Path, help='JSON array of {"id", "output"} to write')
    parser.add_argument("--batch_size", type=int, default=32, help="prompts at a time (default: 32)")
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest answer (default: 256)")
    parser.add_argument("--keep_4bit", action="store_true", help="a third of the memory, half as fast; needs a GPU")
    return parser


def check_arguments(arguments: argparse.Namespace) -> list[dict[str, str]]:
    """Check all that can be checked before the model is loaded, and return the rows of INPUT.

    Raises:
        InputError: Something is missing, broken or out of range.
    """
    for name in ("batch_size", "max_new_tokens"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name} is {getattr(arguments, name)}; it must be at least 1")
    rows = read_rows(arguments.input, fields=("id", "instruction"))
    if problem := find_problem(arguments.adapter):
        raise InputError(f"no usable adapter in {arguments.adapter}: {problem}; run download.sh or train.py first")
    return rows


def load_model(base: str, adapter: Path, *, keep_4bit: bool = False) -> tuple[Any, Any]:
    """Load the base in NF4, put the adapter on it, and return model and tokenizer, ready to answer.

    Raises:
        InputError: The base cannot be loaded, or the adapter was trained on another one.
    """
    from peft import PeftModel

    tokenizer = load_tokenizer(base)
    model = load_base(base, keep_4bit=keep_4bit)
    try:
        model = PeftModel.from_pretrained(model, str(adapter))
    except (ValueError, RuntimeError) as error:
        raise InputError(f"the adapter in {adapter} does not fit the base model {base}: {error}") from error
    return model.eval(), tokenizer


def answer_batch(model: Any, tokenizer: Any, prompts: Sequence[list[int]], *, max_new_tokens: int) -> list[str]:
    """Answer prompts of token ids, each by the likeliest next token until eos.

    Prompts are padded on the left, so that every answer starts right after its prompt.
    """
    import torch
    from transformers import GenerationConfig

    width = max(map(len, prompts))
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts])  # (B, T)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])  # (B, T)
    how = GenerationConfig(
        do_sample=False,
        max_new_tokens=max_new_tokens,
        min_new_tokens=1,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=pad,
    )
    model.generation_config = how
    with torch.inference_mode():
        full = model.generate(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=how
        )  # (B, T + new)
    return [text.strip() for text in tokenizer.batch_decode(full[:, width:], skip_special_tokens=True)]


def answer_all(
    model: Any, tokenizer: Any, instructions: Sequence[str], *, batch_size: int, max_new_tokens: int
) -> Iterator[tuple[int, str]]:
    """Answer instructions in batches of like length, longest first, and yield (position, answer)."""
    from encoding import encode_prompt

    prompts = [encode_prompt(tokenizer, instruction) for instruction in instructions]
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        answers = answer_batch(model, tokenizer, [prompts[i] for i in batch], max_new_tokens=max_new_tokens)
        yield from zip(batch, answers, strict=True)


def predict(arguments: argparse.Namespace, rows: Sequence[dict[str, str]]) -> None:
    """Load the model, answer every row and write OUTPUT."""
    model, tokenizer = load_model(arguments.base, arguments.adapter, keep_4bit=arguments.keep_4bit)
    started_s = time.monotonic()
    answers = [""] * len(rows)
    found = answer_all(
        model,
        tokenizer,
        [row["instruction"] for row in rows],
        batch_size=arguments.batch_size,
        max_new_tokens=arguments.max_new_tokens,
    )
    for done, (position, answer) in enumerate(found, start=1):
        answers[position] = answer
        if done % arguments.batch_size == 0 or done == len(rows):
            say(f"{done}/{len(rows)} answered  {time.monotonic() - started_s:.0f} s")
    empty = [row["id"] for row, answer in zip(rows, answers, strict=True) if not answer]
    if empty:
        say(f"{len(empty)} answers are empty, which the grader counts as missing: {', '.join(empty[:5])}")
    write_json(arguments.output, [{"id": r["id"], "output": a} for r, a in zip(rows, answers, strict=True)])
    say(f"wrote {arguments.output}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for a wrong input, 4 for a missing package."""
    arguments = build_parser().parse_args(argv)
    try:
        rows = check_arguments(arguments)
        prepare_libraries(arguments.base)
        predict(arguments, rows)
    except (InputError, OSError) as error:
        print(f"predict.py: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"predict.py: {explain_missing(error)}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
