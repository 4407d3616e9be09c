"""What perplexity is here: which tokens of an example count, and how their losses become figures. Knows no model.

    ids = ([start] + tok(prompt) + tok(output) + [eos])[:max_tokens]     start: bos, or eos where there is no bos
    NLL = -ln p(token | all before it), for the tokens of output and eos
    perplexity of an example = exp(mean NLL)
    score = mean of the examples' perplexities         every example counts the same; this one is graded
    corpus perplexity = exp(sum of NLL / tokens)        every token counts the same
    bits per character = sum of NLL / ln 2 / characters of all outputs      only where no output was cut

This is the definition that the grader goes by, written down a second time on purpose. But where outputs are cut, the
grader divides the loss of what is left by the characters of the whole outputs; that figure is left out here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from encoding import IGNORED, Encoded

MAX_TOKENS = 2048
RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """How likely a model finds the answer of one example: `tokens` counted, and the sum of their losses."""

    tokens: int
    nll_nats: float

    @property
    def perplexity(self) -> float:
        """Give exp(mean NLL), infinite where that is beyond a double."""
        return _exp(self.nll_nats / self.tokens)


def cut(example: Encoded, *, max_tokens: int = MAX_TOKENS) -> Encoded | str:
    """Cut an example at `max_tokens`, or say why it must not be cut.

    A prompt may not push tokens of the output over the cut: one of more than half of `max_tokens` has to leave room for
    the whole output. Only an output that is long by itself is cut.
    """
    length = len(example["input_ids"])
    prompt = example["labels"].count(IGNORED) - 1  # without the start
    if length > max_tokens and prompt > max_tokens // 2:
        return f"its prompt has {prompt:,} tokens and would push its answer over the cut at {max_tokens:,}"
    return {"input_ids": example["input_ids"][:max_tokens], "labels": example["labels"][:max_tokens]}


def figures(likelihoods: Sequence[Likelihood], *, characters: int, seed: int, outputs_cut: int = 0) -> dict[str, Any]:
    """Sum up all examples.

    Args:
        likelihoods: At least one.
        characters: Of all outputs together.
        seed: Of the resampling that gives the interval.
        outputs_cut: How many of the outputs are not scored to their end, eos included.

    Returns:
        `perplexity` (the score), its 95 % `interval`, `corpus_perplexity`, `bits_per_character` (None where outputs are
        cut), `examples`, `outputs_cut`, `tokens`.
    """
    each = [one.perplexity for one in likelihoods]
    nll_nats = _sum(one.nll_nats for one in likelihoods)
    tokens = sum(one.tokens for one in likelihoods)
    return {
        "perplexity": _sum(each) / len(each),
        "interval": interval(each, seed=seed),
        "corpus_perplexity": _exp(nll_nats / tokens),
        "bits_per_character": None if outputs_cut else nll_nats / math.log(2) / characters,
        "examples": len(each),
        "outputs_cut": outputs_cut,
        "tokens": tokens,
    }


def interval(values: Sequence[float], *, seed: int) -> tuple[float, float] | None:
    """Give the 95 % interval of the mean by bootstrap (Efron 1979): how much it hangs on which examples were taken.

    Returns:
        None where there is nothing to resample: a single value, or one whose sums are beyond a double.
    """
    import numpy as np

    if len(values) < 2 or not math.isfinite(_sum(map(abs, values)) * len(values)):
        return None
    generator, array = np.random.default_rng(seed), np.asarray(values)
    means = [array[generator.integers(len(array), size=len(array))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _sum(values: Iterable[float]) -> float:
    """Sum exactly, so that no figure depends on the order of the examples."""
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf
