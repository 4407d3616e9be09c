"""The tiny base itself: tokenizer, Qwen3-shaped model, and its training as a plain language model.

It sees two kinds of rows. Sentences, each alone: no instruction, no pairing of the two languages, no end-of-text after
a sentence; those are what an adapter has to learn. And echoes, random tokens said twice: they teach it to look back and
repeat, which every grown language model can and which eight thousand characters of text are too few to teach.
It must know nothing about files to read, the command line, adapters or grading.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging as transformers_logging

EOS: Final = "<|endoftext|>"
PAD: Final = "<|pad|>"
IGNORED: Final = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides the result. Sizes are multiples of 64, so that NF4 with blocks of 64 fits every linear layer."""

    seed: int = 0
    steps: int = 500
    threads: int = 1
    vocab_size: int = 1024
    hidden_size: int = 128
    intermediate_size: int = 384
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 32
    sentences_per_batch: int = 4
    echoes_per_batch: int = 28
    echo_tokens_min: int = 8
    echo_tokens_max: int = 24
    peak_lr: float = 3e-3
    warmup_steps: int = 20
    weight_decay: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Token ids of one row, and how many at its start are context only: not learned."""

    ids: list[int]
    context_tokens: int = 0


def make_tokenizer(sentences: list[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on the sentences; no bos, as with Qwen3."""
    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[EOS, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token=EOS, pad_token=PAD, model_max_length=2048)


def make_model(tokenizer: PreTrainedTokenizerFast, settings: Settings) -> Qwen3ForCausalLM:
    """Make the untrained model, fp32; embeddings are tied as in Qwen3-4B."""
    config = Qwen3Config(
        vocab_size=settings.vocab_size,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        head_dim=settings.head_dim,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    return Qwen3ForCausalLM(config)


def sentence_order(count: int, generator: torch.Generator) -> Iterator[int]:
    """Yield sentence numbers without end, each once a round, every round in a new order."""
    while True:
        yield from torch.randperm(count, generator=generator).tolist()


def echo(tokenizer: PreTrainedTokenizerFast, settings: Settings, generator: torch.Generator) -> Row:
    """Make random tokens said twice; only the second time is learned."""
    low, high = settings.echo_tokens_min, settings.echo_tokens_max
    count = int(torch.randint(low, high + 1, (1,), generator=generator))
    first_id = len(tokenizer.all_special_ids)  # the special tokens come first
    said = torch.randint(first_id, len(tokenizer), (count,), generator=generator).tolist()
    return Row(ids=[tokenizer.eos_token_id, *said, *said], context_tokens=count + 1)


def collate(rows: list[Row], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (ids, labels), both (B, T), padded on the right to the longest row.

    No attention mask is needed: with causal attention, what is padded on the right changes nothing before it.
    """
    length = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), length), pad_id)
    labels = torch.full((len(rows), length), IGNORED)
    for i, row in enumerate(rows):
        tokens = torch.tensor(row.ids)
        ids[i, : len(tokens)] = tokens
        labels[i, row.context_tokens : len(tokens)] = tokens[row.context_tokens :]
    return ids, labels


def batches(
    sentences: list[str], tokenizer: PreTrainedTokenizerFast, settings: Settings
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of sentences and echoes without end."""
    generator = torch.Generator().manual_seed(settings.seed)
    plain = [Row(ids=[tokenizer.eos_token_id, *tokenizer(text)["input_ids"]]) for text in sentences]
    order = sentence_order(len(plain), generator)
    while True:
        rows = [plain[next(order)] for _ in range(settings.sentences_per_batch)]
        rows += [echo(tokenizer, settings, generator) for _ in range(settings.echoes_per_batch)]
        yield collate(rows, tokenizer.pad_token_id)


def lr_factor(step: int, settings: Settings) -> float:
    """Scale the peak learning rate: linear warm-up, then a half cosine down to a tenth."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * done))


def make_exact(settings: Settings) -> None:
    """Fix the seed, the thread count and the algorithms: same machine and settings, same bits."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)


def train(
    model: Qwen3ForCausalLM,
    source: Iterator[tuple[torch.Tensor, torch.Tensor]],
    settings: Settings,
    *,
    on_step: Callable[[int, float], None],
) -> float:
    """Train in place and return the mean loss, nats per token, of the last tenth of the steps."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.peak_lr, betas=(0.9, 0.95), weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(step, settings))
    losses: list[float] = []
    model.train()
    for step in range(settings.steps):
        ids, labels = next(source)
        loss = model(input_ids=ids, labels=labels, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        on_step(step + 1, losses[-1])
    last = losses[-max(1, settings.steps // 10) :]
    return sum(last) / len(last)


def make(sentences: list[str], folder: Path, settings: Settings, *, on_step: Callable[[int, float], None]) -> float:
    """Train tokenizer and model on the sentences and save both, the weights in bf16, into an existing folder.

    Args:
        sentences: plain text, one sentence each.
        folder: where config, weights (safetensors) and tokenizer go.
        settings: what decides the result.
        on_step: told the number of steps done and the loss of the last one, nats per token.

    Returns:
        The mean loss of the last tenth of the steps, nats per token.

    Raises:
        OSError: a file cannot be written.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    make_exact(settings)
    tokenizer = make_tokenizer(sentences, settings.vocab_size)
    model = make_model(tokenizer, settings)
    loss = train(model, batches(sentences, tokenizer, settings), settings, on_step=on_step)
    try:
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for path in folder.iterdir():
            path.chmod(0o644)  # safetensors writes 0600, which another user in a container could not read
    except SafetensorError as error:
        raise OSError(f"cannot write the weights into {folder}: {error}") from error
    return loss
