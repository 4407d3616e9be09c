"""Answers prompts in many ways with one loaded model and prints all texts as JSON: `answers_trial.py BASE ADAPTER`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from base_model import load_tokenizer
from files import InputError
from predict import load_model
from prediction import generation
from prediction.choice import Decoding, Prompt
from prediction.generation import Generator
from transformers import GenerationConfig

LENGTHS = (5, 1, 40, 12, 3, 470, 2, 300, *range(7, 40))
NEW_TOKENS = 24


def one_by_one(model: Any, tokenizer: Any, prompts: Sequence[Prompt], ends: Sequence[int]) -> list[str]:
    """Answer as the documentation of transformers does it, a prompt at a time."""
    how = GenerationConfig(
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        min_new_tokens=1,
        eos_token_id=list(ends),
        pad_token_id=tokenizer.pad_token_id,
    )
    texts = []
    for prompt in prompts:
        ids = torch.tensor([prompt.ids])
        full = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=how)
        texts.append(tokenizer.decode(full[0, len(prompt.ids) :], skip_special_tokens=True).strip())
    return texts


def answers(generator: Generator, prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Give texts in the order of the prompts, which of them were cut, and whether slots were used."""
    found = sorted(generator.answer(prompts), key=lambda one: one.number)
    assert [one.number for one in found] == list(range(len(prompts)))
    return {"texts": [one.text for one in found], "cut": [one.cut for one in found], "slots": generator._slots}


def without_memory(model: Any, most: int, generator: Generator, prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Answer where each pass of more than `most` rows runs out of memory."""

    def refuse(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        if len(inputs["input_ids"]) > most:
            raise torch.OutOfMemoryError("out of memory")

    hook = model.get_base_model().register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        return answers(generator, prompts) | {"batch_size": generator.batch_size}
    except InputError as error:
        return {"error": str(error)}
    finally:
        hook.remove()


def main(base: str, adapter: str) -> None:
    tokenizer, model = load_tokenizer(base), load_model(base, Path(adapter))
    source = torch.Generator().manual_seed(0)
    drawn = [torch.randint(10, len(tokenizer), (length,), generator=source).tolist() for length in LENGTHS]
    prompts = [Prompt(ids=ids, key=str(number)) for number, ids in enumerate(drawn)]
    # Many tokens end an answer, so that answers have many lengths.
    ends = [int(tokenizer.eos_token_id), *range(300, 316)]
    model.get_base_model().generation_config.eos_token_id = ends
    model.generation_config = GenerationConfig(eos_token_id=ends)

    def generator(size: int, *, slots: bool = True, **how: Any) -> Generator:
        decoding = Decoding(max_new_tokens=NEW_TOKENS, **how)
        return Generator(model, tokenizer, decoding, batch_size=size, slots=slots)

    results: dict[str, Any] = {"one by one": one_by_one(model, tokenizer, prompts, ends)}
    for size in (1, 3, 16):
        results[f"slots, {size}"] = answers(generator(size), prompts)
    generation.TOKENS_ON_CPU, before = 700, generation.TOKENS_ON_CPU  # long prompts go alone, short ones together
    results["slots, little memory"] = answers(generator(16), prompts)
    generation.TOKENS_ON_CPU = before
    results["generate, 5"] = answers(generator(5, slots=False), prompts)
    drawing = {"temperature": 1.5, "top_p": 0.9}
    for name, size, slots, seed in (("a", 4, True, 1), ("b", 16, True, 1), ("c", 5, False, 1), ("d", 16, True, 2)):
        results[f"drawn {name}"] = answers(generator(size, slots=slots, seed=seed, **drawing), prompts)
    pieces = [text[2:4] for text in results["one by one"] if len(text) > 6]
    stop = tuple(piece for piece in pieces if "\ufffd" not in piece)[:4]
    results["stop"] = stop
    for slots in (True, False):
        results[f"stopped, {slots}"] = answers(generator(6, slots=slots, stop=stop), prompts)
        results[f"memory for 3, {slots}"] = without_memory(model, 3, generator(16, slots=slots), prompts)
    for slots in (True, False):
        results[f"memory for none, {slots}"] = without_memory(model, 0, generator(16, slots=slots), prompts)
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
