"""Engines for tests, and scores computed the slow way to hold theirs against. Needs torch."""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch.nn.functional import log_softmax
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.model.assignment import Quantization
from harness.model.result import ExampleScore
from harness.scoring.engine import Engine
from harness.scoring.protocol import PromptedExample

FULL = Quantization(load_in_4bit=False)
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MakeBase = Callable[..., Path]


def make_engine(base: Path, quantization: Quantization = FULL, **options: Any) -> Engine:
    options = {"device": "cpu", "dtype": "float32", "max_tokens": 2048} | options
    return Engine(str(base), quantization=quantization, **options)


def slow_score(
    base: Path, examples: Sequence[PromptedExample], adapter: Path | None = None, max_tokens: int = 2048
) -> list[tuple[int, float]]:
    """One example at a time, whole sequence, whole logits, a Python loop over positions: (tokens, NLL) each."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter).eval()
    scores = []
    for example in examples:
        prompt = tokenizer.encode(example.prompt, add_special_tokens=False)
        output = tokenizer.encode(example.output, add_special_tokens=False)
        bos = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        ids = [bos, *prompt, *output, tokenizer.eos_token_id][:max_tokens]
        with torch.no_grad():
            log_p = log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
        losses = [-log_p[at - 1, ids[at]].item() for at in range(1 + len(prompt), len(ids))]
        scores.append((len(losses), sum(losses)))
    return scores


def assert_close(seen: Sequence[ExampleScore], expected: Sequence[tuple[int, float]], rel: float = 1e-5) -> None:
    assert [one.tokens for one in seen] == [tokens for tokens, _ in expected]
    assert [one.nll_nats for one in seen] == pytest.approx([nll for _, nll in expected], rel=rel)
    perplexities = [math.exp(nll / tokens) for tokens, nll in expected]
    assert [one.perplexity for one in seen] == pytest.approx(perplexities, rel=rel)


def edited(adapter: Path, folder: Path, **fields: object) -> Path:
    """Copy an adapter, with other fields in its config."""
    shutil.copytree(adapter, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return folder
