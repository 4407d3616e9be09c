"""Tiny base models with a real tokenizer, and LoRA adapters made by stock peft. Torch is imported on demand."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.scoring.protocol import PromptedExample

TEXT = (
    "子曰學而時習之不亦說乎有朋自遠方來不亦樂乎",
    "人不知而不慍不亦君子乎",
    "The master said: to learn and to practise what is learned time and again is pleasure, is it not?",
    "温故而知新可以为师矣 translate into modern Chinese",
)
ATTENTION = ("q_proj", "v_proj")
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

MakeBase = Callable[..., Path]
MakeAdapter = Callable[..., Path]


@pytest.fixture(scope="session")
def make_base(tmp_path_factory: pytest.TempPathFactory) -> MakeBase:
    """Make (once each) a random Qwen3: hidden 64, two layers, four heads on two key-value heads of 32."""
    pytest.importorskip("torch", reason="needs the extra [local]")
    made: dict[tuple[bool, bool], Path] = {}

    def make(*, tied: bool = True, bos: bool = False) -> Path:
        if (tied, bos) not in made:
            made[tied, bos] = tmp_path_factory.mktemp(f"base-{tied=}-{bos=}")
            save_base(made[tied, bos], tied=tied, bos=bos)
        return made[tied, bos]

    return make


@pytest.fixture(scope="session")
def make_adapter(tmp_path_factory: pytest.TempPathFactory, make_base: MakeBase) -> MakeAdapter:
    """Make an adapter for the tied base; `scale` is the spread of B, 0 makes an adapter of zeros."""

    def make(*, targets: Iterable[str] = ALL_LINEAR, seed: int = 1, scale: float = 0.3, dtype: str = "float32") -> Path:
        folder = tmp_path_factory.mktemp("adapter")
        save_adapter(folder, make_base(), targets=list(targets), seed=seed, scale=scale, dtype=dtype)
        return folder

    return make


@pytest.fixture(scope="session")
def adapter(make_adapter: MakeAdapter) -> Path:
    """An adapter on all linear layers."""
    return make_adapter()


@pytest.fixture(scope="session")
def examples() -> tuple[PromptedExample, ...]:
    """Examples of many lengths, among them an empty prompt and an empty output."""
    pairs = [(TEXT[one % 4] * (one % 3 + 1), TEXT[(one + 1) % 4][: 3 + 7 * one]) for one in range(10)]
    pairs += [("", "之"), (TEXT[0], "")]
    return tuple(
        PromptedExample(id=str(number), prompt=prompt, output=output) for number, (prompt, output) in enumerate(pairs)
    )


@pytest.fixture(scope="module")
def engine(make_base: MakeBase) -> Any:
    """An engine of the tied base in fp32, on the CPU."""
    from .slow_scores import make_engine

    return make_engine(make_base())


def save_base(folder: Path, *, tied: bool, bos: bool) -> None:
    """Write a random Qwen3 and its tokenizer."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _tokenizer(bos=bos)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=4096,
        initializer_range=0.15,
        tie_word_embeddings=tied,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer(*, bos: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=["<|eos|>", "<|bos|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    named = {"eos_token": "<|eos|>"} | ({"bos_token": "<|bos|>"} if bos else {})
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def save_adapter(folder: Path, base: Path, *, targets: list[str], seed: int, scale: float, dtype: str) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.1, target_modules=targets, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers 5.23 for a deprecated property
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, scale) if scale else parameter.zero_()
    model.to(getattr(torch, dtype)).save_pretrained(folder)
