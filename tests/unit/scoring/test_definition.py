import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.result import ExampleScore
from harness.scoring.definition import Encoded, PromptTooLong, aggregate, encode, example_score, perplexity

IDS = st.lists(st.integers(10, 99), max_size=30)
LOSSES = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=40)


def scored(example_id: str, *losses: float) -> ExampleScore:
    return example_score(example_id, losses)


def test_sequence_is_bos_prompt_output_eos_and_scores_output_and_eos() -> None:
    encoded = encode([11, 12], [21, 22, 23], bos=1, eos=2, max_tokens=2048)
    assert encoded == Encoded((1, 11, 12, 21, 22, 23, 2), scored_from=3)
    assert encoded.scored == 4


def test_eos_stands_in_for_a_missing_bos() -> None:
    assert encode([11], [21], bos=None, eos=2, max_tokens=2048) == Encoded((2, 11, 21, 2), scored_from=2)


def test_bos_with_id_zero_is_a_bos() -> None:
    assert encode([], [21], bos=0, eos=2, max_tokens=9) == Encoded((0, 21, 2), scored_from=1)


def test_empty_output_scores_eos_alone() -> None:
    assert encode([11], [], bos=1, eos=2, max_tokens=9) == Encoded((1, 11, 2), scored_from=2)


def test_cut_takes_eos_first_then_the_end_of_the_output() -> None:
    assert encode([11], [21, 22], bos=1, eos=2, max_tokens=4) == Encoded((1, 11, 21, 22), scored_from=2)
    assert encode([11], [21, 22], bos=1, eos=2, max_tokens=3) == Encoded((1, 11, 21), scored_from=2)


def test_prompt_may_not_push_scored_tokens_over_the_cut() -> None:
    output = [21, 22, 23]
    fits = encode([7] * (2048 - 5), output, bos=1, eos=2, max_tokens=2048)
    assert isinstance(fits, Encoded) and fits.scored == 4
    for longer in (2048 - 4, 2046, 5000):
        refused = encode([7] * longer, output, bos=1, eos=2, max_tokens=2048)
        assert refused == PromptTooLong(longer, 2048)
    assert str(refused) == (
        "the prompt has 5000 tokens, so the cut at 2048 would take tokens of the output; "
        "a prompt of more than 1024 tokens must leave room for the whole output"
    )


def test_prompt_of_half_the_sequence_is_never_too_long() -> None:
    cut = encode([7] * 1024, [21] * 3000, bos=1, eos=2, max_tokens=2048)
    assert isinstance(cut, Encoded) and cut.scored == 2048 - 1 - 1024
    assert isinstance(encode([7] * 1025, [21] * 3000, bos=1, eos=2, max_tokens=2048), PromptTooLong)


@given(IDS, IDS, st.none() | st.just(1), st.integers(3, 70))
def test_encode_keeps_the_start_and_scores_exactly_what_follows_the_prompt(
    prompt: list[int], output: list[int], bos: int | None, max_tokens: int
) -> None:
    whole = [2 if bos is None else bos, *prompt, *output, 2]
    encoded = encode(prompt, output, bos=bos, eos=2, max_tokens=max_tokens)
    if isinstance(encoded, PromptTooLong):
        assert 2 * len(prompt) > max_tokens and len(whole) > max_tokens
    else:
        assert list(encoded.ids) == whole[:max_tokens]
        assert list(encoded.ids[encoded.scored_from :]) == [*output, 2][: max_tokens - 1 - len(prompt)]
        assert encoded.scored >= min(len(output) + 1, max_tokens - 1 - max_tokens // 2)


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices() -> None:
    one = scored("a", *[math.log(50)] * 7)
    assert (one.id, one.tokens) == ("a", 7)
    assert one.perplexity == pytest.approx(50, rel=1e-14)


def test_example_without_scored_tokens_is_an_error() -> None:
    with pytest.raises(ValueError, match="example 'a' has no scored token"):
        scored("a")


@pytest.mark.parametrize(
    ("nll_nats", "expected"), [(709.0, math.exp(709.0)), (710.0, math.inf), (math.inf, math.inf), (0.0, 1.0)]
)
def test_perplexity_beyond_a_double_is_infinite(nll_nats: float, expected: float) -> None:
    assert perplexity(nll_nats, 1) == expected


def test_nan_stays_nan() -> None:
    one = scored("a", 1.0, math.nan)
    assert math.isnan(one.nll_nats) and math.isnan(one.perplexity)
    assert math.isnan(aggregate([one, scored("b", 1.0)], characters=3).perplexity)


def test_aggregates_by_hand() -> None:
    examples = [scored("a", math.log(2), math.log(2)), scored("b", math.log(16))]
    score = aggregate(examples, characters=4, base_perplexity=20.0)
    assert score.perplexity == pytest.approx((2 + 16) / 2)
    assert score.corpus_perplexity == pytest.approx(64 ** (1 / 3))
    assert score.bits_per_character == pytest.approx(6 / 4)
    assert (score.base_perplexity, score.examples, score.tokens) == (20.0, 2, 3)


def test_base_model_is_its_own_base() -> None:
    score = aggregate([scored("a", 1.5)], characters=4)
    assert score.base_perplexity == score.perplexity


def test_sum_beyond_a_double_is_infinite() -> None:
    score = aggregate([scored("a", 709.5), scored("b", 709.5)], characters=2)
    assert score.perplexity == math.inf
    assert score.corpus_perplexity == pytest.approx(math.exp(709.5))


@pytest.mark.parametrize(("examples", "characters"), [([], 5), ([scored("a", 1.0)], 0)])
def test_nothing_to_aggregate_is_an_error(examples: list[ExampleScore], characters: int) -> None:
    with pytest.raises(ValueError, match=rf"cannot aggregate \d examples with {characters} output characters"):
        aggregate(examples, characters=characters)


@given(st.lists(LOSSES, min_size=1, max_size=12), st.randoms())
def test_order_of_examples_changes_no_bit(rows: list[list[float]], random: object) -> None:
    examples = [scored(str(number), *row) for number, row in enumerate(rows)]
    shuffled = sorted(examples, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert aggregate(examples, characters=9) == aggregate(shuffled, characters=9)


@given(st.lists(LOSSES, min_size=1, max_size=12))
def test_mean_of_perplexities_is_at_least_perplexity_of_the_mean_example(rows: list[list[float]]) -> None:
    score = aggregate([scored(str(number), *row) for number, row in enumerate(rows)], characters=9)
    mean_of_means = math.fsum(math.fsum(row) / len(row) for row in rows) / len(rows)
    assert score.perplexity >= math.exp(mean_of_means) * (1 - 1e-12)
