"""What the score is, and nothing else: which tokens are scored and how their losses become figures. Knows no model.

For example i, with tokenizer `tok`:

    ids_i = ([bos] + tok(prompt_i) + tok(output_i) + [eos])[:max_tokens]      (eos stands in where there is no bos)
    NLL_it = -ln p(ids_it | ids_i1 ... ids_i(t-1))    over the positions t of output and eos that the cut left

A prompt may not push scored positions over the cut: one of more than half of `max_tokens` must leave room for the whole
output and eos, else the example is refused. So only an output that is long by itself is ever cut, and who writes the
prompt cannot choose which tokens count (docs/adr/0009-scoring-engine.md).

    PPL_i = exp(mean_t NLL_it)                        perplexity of one example
    score = mean_i PPL_i                              every example counts the same
    corpus PPL = exp(sum_it NLL_it / number of it)    every token counts the same
    bits per character = sum_it NLL_it / ln 2 / characters of all outputs     comparable across tokenizers;
                                                      too low where an output is cut: its characters count whole

Perplexity is the usual one: the exponential of the mean negative log-likelihood of a token (Jelinek, Mercer, Bahl and
Baker, 1977, "Perplexity - a measure of the difficulty of speech recognition tasks"). Sums are exact sums of doubles
(`math.fsum`), so no figure depends on the order of the examples.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.language import Message, message
from harness.model.result import ExampleScore, Score

# How far the score may be off on another GPU model, as a share of it: the promise of docs/explanation/scoring.md.
TOLERANCE = 0.005


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one example; the positions from `scored_from` on are scored (at least one)."""

    ids: tuple[int, ...]
    scored_from: int

    @property
    def scored(self) -> int:
        """How many positions are scored."""
        return len(self.ids) - self.scored_from


@dataclass(frozen=True, slots=True)
class PromptTooLong:
    """The prompt pushes scored positions over the cut: such an example has no perplexity, and none is made up."""

    prompt_tokens: int
    max_tokens: int

    def __str__(self) -> str:
        return str(self.words)

    @property
    def words(self) -> Message:
        """Say it to whoever wrote the prompt."""
        return message(
            "the prompt has {tokens} tokens, so the cut at {most} would take tokens of the output; a prompt of more "
            "than {fits} tokens must leave room for the whole output",
            tokens=self.prompt_tokens,
            most=self.max_tokens,
            fits=always_fits(self.max_tokens),
        )


def always_fits(max_tokens: int) -> int:
    """Give the length in tokens up to which a prompt is never too long, whatever the output: half of the sequence."""
    return max_tokens // 2


def encode(
    prompt_ids: Sequence[int], output_ids: Sequence[int], *, bos: int | None, eos: int, max_tokens: int
) -> Encoded | PromptTooLong:
    """Put one example together as the definition says.

    Args:
        prompt_ids: Tokens of the prompt, without special tokens.
        output_ids: Tokens of the reference output, without special tokens; may be empty (then eos alone is scored).
        bos: Beginning-of-sequence id, or None where the tokenizer has none: eos stands in.
        eos: End-of-sequence id.
        max_tokens: Longest sequence, specials included, at least 3; the rest is cut off at the end.

    Returns:
        The ids, or `PromptTooLong` where the prompt is over half of the sequence and the cut would take scored tokens.
    """
    first = eos if bos is None else bos
    whole = (first, *prompt_ids, *output_ids, eos)
    if len(prompt_ids) > always_fits(max_tokens) and len(whole) > max_tokens:
        return PromptTooLong(len(prompt_ids), max_tokens)
    return Encoded(whole[:max_tokens], 1 + len(prompt_ids))


def example_score(example_id: str, nll_nats: Sequence[float]) -> ExampleScore:
    """Sum up one example: ``PPL = exp(mean NLL)``.

    Args:
        example_id: Its id in the references.
        nll_nats: Negative log-likelihood of each scored position.

    Raises:
        ValueError: No position was scored.
    """
    if not nll_nats:
        raise ValueError(f"example {example_id!r} has no scored token")
    total = math.fsum(nll_nats)
    return ExampleScore(
        id=example_id, tokens=len(nll_nats), nll_nats=total, perplexity=perplexity(total, len(nll_nats))
    )


def perplexity(nll_nats: float, tokens: int) -> float:
    """Give ``exp(nll_nats / tokens)``; infinite where that is beyond a double, NaN for NaN."""
    try:
        return math.exp(nll_nats / tokens)
    except OverflowError:
        return math.inf


def aggregate(examples: Sequence[ExampleScore], *, characters: int, base_perplexity: float | None = None) -> Score:
    """Make the figures of a whole test set out of its examples; needs no model, so a grade can be recomputed anywhere.

    Args:
        examples: All examples, in any order.
        characters: Unicode code points of all reference outputs together.
        base_perplexity: The base model's score on the same examples; None where these *are* the base model's.

    Raises:
        ValueError: No examples, or outputs without a single character.
    """
    if not examples or characters < 1:
        raise ValueError(f"cannot aggregate {len(examples)} examples with {characters} output characters")
    tokens = sum(one.tokens for one in examples)
    nll_nats = _sum(one.nll_nats for one in examples)
    mean = _sum(one.perplexity for one in examples) / len(examples)
    return Score(
        perplexity=mean,
        corpus_perplexity=perplexity(nll_nats, tokens),
        bits_per_character=nll_nats / math.log(2) / characters,
        base_perplexity=mean if base_perplexity is None else base_perplexity,
        examples=len(examples),
        tokens=tokens,
    )


def _sum(values: Iterable[float]) -> float:
    """Exact sum of non-negative doubles; infinite where it is beyond a double (fsum raises instead)."""
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf
