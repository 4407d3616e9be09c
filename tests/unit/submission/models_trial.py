"""Answers with tiny random models of many families, in slots where they allow it and one by one; prints JSON."""

import json
import warnings

import torch
import transformers
from prediction.choice import Decoding, Prompt
from prediction.generation import Generator
from transformers import AutoModelForCausalLM, GenerationConfig

COMMON = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 96}
GATED = COMMON | {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 256, "head_dim": 8}
GATED |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3}
FAMILIES = {
    "Llama": GATED,
    "Qwen2": GATED,
    "Mistral": GATED | {"sliding_window": 8},
    "Gemma2": GATED | {"sliding_window": 8},
    "Qwen3Moe": GATED | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "GPT2": COMMON | {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 256, "eos_token_id": 2},
    "Bloom": COMMON | {"n_head": 4, "n_layer": 2, "eos_token_id": 2, "pad_token_id": 0},
}


class Numbers:
    """A tokenizer for those who think in numbers."""

    eos_token_id, pad_token_id = 2, 0

    def decode(self, ids: list[int], **_: object) -> str:
        return " ".join(map(str, ids))


@torch.inference_mode()
def main() -> None:
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_error()
    found = {}
    for name, options in FAMILIES.items():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(getattr(transformers, f"{name}Config")(**options)).eval()
        prompts = [Prompt(ids=torch.randint(3, 96, (n,)).tolist(), key=str(n)) for n in (1, 30, 4, 17, 2, 60)]
        generator = Generator(model, Numbers(), Decoding(max_new_tokens=12), batch_size=4)
        mine = sorted(generator.answer(prompts), key=lambda one: one.number)
        how = GenerationConfig(do_sample=False, max_new_tokens=12, min_new_tokens=1, eos_token_id=2, pad_token_id=0)
        whole = [model.generate(torch.tensor([one.ids]), generation_config=how)[0, len(one.ids) :] for one in prompts]
        found[name] = {
            "slots": generator._slots,
            "answers": [one.text for one in mine],
            "expected": [Numbers().decode(one.tolist()) for one in whole],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
