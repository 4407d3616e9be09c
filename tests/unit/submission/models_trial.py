"""Answers with tiny random models of many families, in slots where they allow it and one by one; prints JSON."""

import json
import warnings
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from files import InputError
from positions import forget_earlier_lengths
from prediction.choice import Decoding, Prompt
from prediction.generation import Generator
from transformers import AutoModelForCausalLM, GenerationConfig

COMMON = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 96}
GATED = COMMON | {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 256, "head_dim": 8}
GATED |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "rope_theta": 10000.0}
FAMILIES = {
    "Llama": GATED,
    "Qwen2": GATED,
    "Mistral": GATED | {"sliding_window": 8},
    "Gemma2": GATED | {"sliding_window": 8},
    "Qwen3Moe": GATED | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "GPT2": COMMON | {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 256, "eos_token_id": 2},
    "GPT2 of 64 places": COMMON
    | {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 64, "eos_token_id": 2, "initializer_range": 0.3},
    "Llama, dynamic": GATED | {"max_position_embeddings": 32, "rope_parameters": DYNAMIC},
    "Phi3, long": GATED | {"original_max_position_embeddings": 32, "rope_parameters": LONG},
    "Bloom": COMMON | {"n_head": 4, "n_layer": 2, "eos_token_id": 2, "pad_token_id": 0},
}


class Numbers:
    """A tokenizer for those who think in numbers."""

    eos_token_id, pad_token_id = 2, 0

    def decode(self, ids: list[int], **_: object) -> str:
        return " ".join(map(str, ids))


def alone(model: Any, ids: Sequence[int], *, most: int) -> list[int]:
    """Answer one prompt as transformers does it, with at most 12 tokens, and as long as the model has places."""
    how = GenerationConfig(
        do_sample=False,
        max_new_tokens=min(12, most - len(ids) + 1),
        min_new_tokens=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    found: list[int] = model.generate(torch.tensor([ids]), generation_config=how)[0, len(ids) :].tolist()
    return found


def refused() -> str:
    """Give what is said of a prompt that is too long."""
    model = AutoModelForCausalLM.from_config(transformers.GPT2Config(**FAMILIES["GPT2 of 64 places"]))
    prompts = [Prompt(ids=[3] * length, key=key) for key, length in (("a", 64), ("b", 65))]
    try:
        list(Generator(model, Numbers(), Decoding()).answer(prompts))
    except InputError as error:
        return str(error)
    return "nothing"


@torch.inference_mode()
def main() -> None:
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_error()
    found: dict[str, Any] = {}
    for name, options in FAMILIES.items():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(
            getattr(transformers, f"{name.split()[0].strip(',')}Config")(**options)
        ).eval()
        forget_earlier_lengths(model)
        prompts = [Prompt(ids=torch.randint(3, 96, (n,)).tolist(), key=str(n)) for n in (1, 30, 4, 17, 2, 60)]
        generator = Generator(model, Numbers(), Decoding(max_new_tokens=12), batch_size=4)
        mine = sorted(generator.answer(prompts), key=lambda one: one.number)
        whole = [alone(model, one.ids, most=options.get("n_positions", 1000)) for one in prompts]
        found[name] = {
            "slots": generator._slots,
            "answers": [one.text for one in mine],
            "expected": [Numbers().decode(one) for one in whole],
        }
    print(json.dumps(found | {"too long": refused()}))


if __name__ == "__main__":
    main()
