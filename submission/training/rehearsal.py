"""Tells before the first step how long a run takes and how much memory, and what to change where memory is short."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from settings import Settings
from training.batches import Batch


def timed_pass(run: Callable[[Batch, Tensor], Tensor], batch: Batch) -> float:
    """Run a pass whose gradient counts nothing, and give its seconds."""
    device = batch.input_ids.device
    nothing = torch.zeros((), device=device)
    on_gpu = device.type == "cuda"
    if on_gpu:
        run(batch, nothing)  # the first one also loads kernels
        torch.cuda.synchronize()
    started_s = time.monotonic()
    run(batch, nothing)
    if on_gpu:
        torch.cuda.synchronize()
    return time.monotonic() - started_s


def checkpoint_activations(model: Any) -> None:
    """Have a model of transformers keep few activations, and compute them again in the backward pass."""
    # Newer versions have another name for it.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def estimate(
    *, steps: int, examples_per_step: int, tokens: int, pass_tokens: int, pass_s: float, processes: int
) -> str:
    """Say what a run will take.

    Args:
        steps: All updates that are left.
        examples_per_step: Examples of each.
        tokens: What they train on.
        pass_tokens: Tokens of the largest batch.
        pass_s: Seconds of a pass of that batch.
        processes: Among how many the tokens are shared out.
    """
    seconds = tokens * pass_s / pass_tokens / processes
    shared = f" on {processes} processes" if processes > 1 else ""
    duration = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"
    memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if torch.cuda.is_available() else ""
    work = f"{_count(steps, 'update')} of {_count(examples_per_step, 'example')}"
    return (
        f"{work}, {tokens:,} tokens{shared}; the largest batch has "
        f"{pass_tokens:,} tokens and took {pass_s:.2f} s{memory}: about {duration}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def what_to_try(settings: Settings) -> str:
    """Name the next things to change where memory is short, those alone that are not changed yet."""
    steps = []
    if settings.batch_tokens > settings.max_length:
        steps.append(f"--batch_tokens {max(settings.max_length, settings.batch_tokens // 2)}")
    if settings.gradient_checkpointing != "on":
        steps.append("--gradient_checkpointing on")
    if not settings.keep_4bit:
        steps.append("--keep_4bit")
    if settings.max_length > 512:
        steps.append("--max_length 512 --batch_tokens 512")
    return "try in this order: " + (", ".join(steps) or "a smaller base model, or a GPU with more memory")
