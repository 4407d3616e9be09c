"""What the benchmarks with models share: a random base in a known shape, adapters, and the loop for scoring.

The loop shares no code with the engine: transformers, peft and the definition of the score, one example at a time.
"""

import gc
import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from harness.scoring.protocol import PromptedExample

TEMPLATE = "你精通文言文與白話文。請照題目改寫，只寫出改寫後的句子。\n題目：{instruction}\n答："
LEARNED = 32
"""Examples in a step of `learn`."""
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
EOS = "<|endoftext|>"
# Of Qwen3-4B. The weights are random: times and rounding do not depend on what they mean.
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3-4b": {
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151_936,
        "rope_theta": 1_000_000.0,
    },
    "tiny": {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "vocab_size": 8_192,
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids of an example, built here by the definition, and where its scored part begins."""

    ids: list[int]
    scored_from: int


def read_examples(path: Path | None, count: int | None = None) -> tuple[PromptedExample, ...]:
    """Read the course's examples, or make up as many with lengths like theirs."""
    rows = list(made_up(count or 0)) if path is None else json.loads(path.read_text(encoding="utf-8"))[:count]
    return tuple(
        PromptedExample(id=str(row["id"]), prompt=TEMPLATE.format(instruction=row["instruction"]), output=row["output"])
        for row in rows
    )


def made_up(count: int) -> Iterable[dict[str, str]]:
    """Make rows of random characters: 39 of instruction and 28 of output on average, at most some 130."""
    source = random.Random(0)
    for number in range(count):
        lengths = (min(130, 3 + int(source.expovariate(1 / mean))) for mean in (36, 25))
        instruction, output = ("".join(chr(source.randrange(0x4E00, 0x5E00)) for _ in range(one)) for one in lengths)
        yield {"id": str(number), "instruction": instruction, "output": output}


def instruction_of(example: PromptedExample) -> str:
    """Take the instruction out of the prompt again."""
    before, after = TEMPLATE.split("{instruction}")
    return example.prompt.removeprefix(before).removesuffix(after)


def find_base(name: str, folder: Path, examples: Sequence[PromptedExample], device: str, *, tied: bool = True) -> Path:
    """Give the folder of a base; `random:SHAPE` is made in `folder` first."""
    if not name.startswith("random:"):
        return Path(name)
    make_base(folder / "base", name.removeprefix("random:"), examples, device, tied=tied)
    return folder / "base"


def make_base(folder: Path, shape: str, examples: Sequence[PromptedExample], device: str, *, tied: bool = True) -> None:
    """Save a random base model in bf16, with a tokenizer of one token a character.

    With a head that is tied to the embeddings, a random model says its last token again and again.
    """
    tokenizer = character_tokenizer(examples)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        **SHAPES[shape], tie_word_embeddings=tied, bos_token_id=None, eos_token_id=tokenizer.eos_token_id
    )
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)


def learn(base: Path, examples: Sequence[PromptedExample], *, epochs: int, device: str) -> None:
    """Train all weights of a base on examples, by plain steps of AdamW, and save it in its place."""
    tokenizer = AutoTokenizer.from_pretrained(base, pad_token=EOS)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).to(device).train()
    texts = sorted((one.prompt + one.output + EOS for one in examples), key=len)  # of like length: little padding
    batches = [texts[begin : begin + LEARNED] for begin in range(0, len(texts), LEARNED)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=epochs * len(batches))
    source = random.Random(0)
    for epoch in range(1, epochs + 1):
        source.shuffle(batches)
        total = torch.zeros((), device=device)
        for some in batches:
            batch = tokenizer(some, padding=True, return_tensors="pt").to(device)
            labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
            loss = model(**batch, labels=labels).loss
            loss.backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += loss.detach()
        print(f"learning, epoch {epoch} of {epochs}: loss {float(total) / len(batches):.2f} nats a token", flush=True)
    model.bfloat16().save_pretrained(base)


def character_tokenizer(examples: Sequence[PromptedExample]) -> PreTrainedTokenizerFast:
    """Make a tokenizer with one token for each character that occurs."""
    characters = sorted({character for one in examples for character in one.prompt + one.output})
    core = Tokenizer(models.WordLevel({EOS: 0, **{one: at for at, one in enumerate(characters, 1)}}, unk_token=EOS))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token=EOS)


def make_adapter(folder: Path, base: Path, *, rank: int, seed: int, device: str) -> Path:
    """Save a random adapter on all linear layers in bf16, as peft names it; it adds some 10 % to what a layer gives."""
    folder.mkdir()
    config = AutoConfig.from_pretrained(base)
    with torch.device("meta"):
        model = Qwen3ForCausalLM(config)
    generator = torch.Generator(device).manual_seed(seed)
    tensors = {}
    for name, module in model.named_modules():
        if name.rpartition(".")[2] in LINEAR:
            b_spread = 0.1 * config.initializer_range * math.sqrt(module.in_features) / (2 * math.sqrt(rank))
            for side, shape, spread in (
                ("A", (rank, module.in_features), 1 / math.sqrt(module.in_features)),
                ("B", (module.out_features, rank), b_spread),
            ):
                values = torch.randn(shape, generator=generator, device=device) * spread
                tensors[f"base_model.model.{name}.lora_{side}.weight"] = values.bfloat16().cpu()
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    fields = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": list(LINEAR),
        "bias": "none",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(fields))
    return folder


def record_passes(trainer: Any, chosen: Iterable[Sequence[int]]) -> None:
    """Record train.py's passes for these updates, before a clock runs: in a real run all shapes soon came twice.

    Where it records none, nothing is done: such processes may have to take equally many passes.

    Args:
        trainer: `training.trainer.Trainer`.
        chosen: The examples of each update.
    """
    if trainer.run_pass == trainer._pass:
        return
    nothing = torch.zeros((), device=trainer.together.device)  # so the gradient counts for nothing
    for numbers in chosen:
        for batch in trainer._batches(numbers):
            trainer.run_pass(batch, nothing)
            trainer.run_pass(batch, nothing)


def fresh() -> None:
    """Give memory back that an earlier side held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def wait() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def encode_rows(tokenizer: Any, examples: Sequence[PromptedExample]) -> list[Row]:
    """Build each example's ids: eos stands in for bos."""
    rows = []
    for one in examples:
        prompt = tokenizer(one.prompt, add_special_tokens=False)["input_ids"]
        output = tokenizer(one.output, add_special_tokens=False)["input_ids"]
        first = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        rows.append(Row([first, *prompt, *output, tokenizer.eos_token_id], 1 + len(prompt)))
    return rows


@torch.inference_mode()
def loop(model: Any, rows: Sequence[Row]) -> list[float]:
    """Score one example after the other, as a course's script does; gives each perplexity."""
    perplexities = []
    for row in rows:
        ids = torch.tensor([row.ids], device=model.device)
        labels = ids.clone()
        labels[0, : row.scored_from] = -100
        perplexities.append(math.exp(model(input_ids=ids, labels=labels).loss.item()))
    return perplexities


@torch.inference_mode()
def batched(model: Any, rows: Sequence[Row], *, token_budget: int) -> list[float]:
    """Score batches of neighbours in length, right-padded without a mask; logits of all positions, in chunks."""
    order = sorted(range(len(rows)), key=lambda one: -len(rows[one].ids))
    perplexities = [0.0] * len(rows)
    while order:
        length = len(rows[order[0]].ids)
        members, order = order[: max(1, token_budget // length)], order[max(1, token_budget // length) :]
        ids = torch.zeros(len(members), length, dtype=torch.long)
        for at, member in enumerate(members):
            ids[at, : len(rows[member].ids)] = torch.tensor(rows[member].ids)
        losses = _all_losses(model, ids.to(model.device)).cpu()
        for at, member in enumerate(members):
            row = rows[member]
            perplexities[member] = math.exp(losses[at, row.scored_from - 1 : len(row.ids) - 1].double().mean())
    return perplexities


def _all_losses(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Give the NLL of each next token, (B, T) -> (B, T - 1)."""
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    hidden = inner.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    head, parts = inner.get_output_embeddings(), []
    for states, targets in zip(hidden.flatten(0, 1).split(2048), ids[:, 1:].flatten().split(2048), strict=True):
        parts.append(cross_entropy(head(states).float(), targets, reduction="none"))
    return torch.cat(parts).view(ids.shape[0], -1)
