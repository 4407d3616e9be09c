"""The parts of the evaluation that need no model: definition, exemplars, samples, metrics."""

import math
from typing import Any

import pytest
from evaluation import exemplars
from evaluation.perplexity import Likelihood, cut, figures, interval
from evaluation.samples import choose_samples
from evaluation.text_metrics import compare_texts
from files import InputError
from hypothesis import given
from hypothesis import strategies as st
from test_encoding import Letters, ids
from utils import get_prompt

from harness.model.result import ExampleScore
from harness.scoring import definition
from harness.scoring.text_protocol import TextRow

ROWS = [{"id": f"r{i}", "instruction": f"q{i}", "output": f"a{i}"} for i in range(12)]


@given(prompt=st.integers(0, 30), output=st.integers(0, 30), max_tokens=st.integers(3, 40))
def test_examples_are_cut_as_the_grader_cuts_them(prompt: int, output: int, max_tokens: int) -> None:
    graded = definition.encode([5] * prompt, [6] * output, bos=None, eos=1, max_tokens=max_tokens)
    example = {"input_ids": [1, *[5] * prompt, *[6] * output, 1], "labels": [-100] * (1 + prompt) + [6] * output + [1]}
    seen = cut(example, max_tokens=max_tokens)  # type: ignore[arg-type]
    if isinstance(graded, definition.PromptTooLong):
        assert seen == (f"its prompt has {prompt} tokens and would push its answer over the cut at {max_tokens}"), (
            "the grader refuses it"
        )
    else:
        assert not isinstance(seen, str)
        assert tuple(seen["input_ids"]) == graded.ids
        assert sum(label != -100 for label in seen["labels"]) == graded.scored


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1e4)), min_size=1, max_size=20), st.integers(1, 1000))
def test_figures_are_those_of_the_graders_definition(pairs: list[tuple[int, float]], characters: int) -> None:
    scores = [
        ExampleScore(id=str(i), tokens=n, nll_nats=nll, perplexity=definition.perplexity(nll, n))
        for i, (n, nll) in enumerate(pairs)
    ]
    graded = definition.aggregate(scores, characters=characters)
    seen = figures([Likelihood(tokens=n, nll_nats=nll) for n, nll in pairs], characters=characters, seed=0)
    for name in ("perplexity", "corpus_perplexity", "bits_per_character"):
        assert seen[name] == getattr(graded, name)
    assert (seen["examples"], seen["tokens"]) == (graded.examples, graded.tokens)


def test_bits_per_character_are_left_out_where_outputs_are_cut() -> None:
    """The grader divides by all characters, which the loss of a cut output is not that of."""
    seen = figures([Likelihood(tokens=3, nll_nats=6.0)] * 2, characters=100, seed=0, outputs_cut=1)
    assert (seen["bits_per_character"], seen["outputs_cut"], seen["perplexity"]) == (None, 1, math.exp(2))


def test_interval_holds_the_mean_and_narrows_with_more_examples() -> None:
    few, many = interval([1.0, 2.0, 3.0, 4.0], seed=0), interval([1.0, 2.0, 3.0, 4.0] * 25, seed=0)
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < 2.5 < many[1] < few[1]
    # The normal approximation: 2.5 +- 1.96 * sqrt(1.25 / 100).
    assert many == pytest.approx((2.5 - 0.219, 2.5 + 0.219), abs=0.03)
    assert interval([1.0], seed=0) is None
    assert interval([1.0, math.inf], seed=0) is None
    assert interval([1.0, 1e308], seed=0) is None
    assert interval([1.0, math.nan], seed=0) is None


def test_exemplars_are_fixed_by_seed_and_never_of_the_evaluation() -> None:
    evaluated = [
        {"id": "x", "instruction": "q0 ", "output": "other"},
        {"id": "y", "instruction": "new", "output": "a1"},
    ]
    chosen = exemplars.choose_exemplars(ROWS, evaluated, shots=10, seed=3)
    assert sorted(row["id"] for row in chosen) == sorted({row["id"] for row in ROWS} - {"r0", "r1"})
    assert chosen == exemplars.choose_exemplars(ROWS, evaluated, shots=10, seed=3)
    assert chosen != exemplars.choose_exemplars(ROWS, evaluated, shots=10, seed=4)
    with pytest.raises(InputError, match="11 exemplars are asked for, and --train_file has 10 rows"):
        exemplars.choose_exemplars(ROWS, evaluated, shots=11, seed=3)


@pytest.mark.parametrize(("bos", "between"), [(None, [1]), (7, [1, 7])])
def test_a_shot_is_whole_examples_in_a_row(bos: int | None, between: list[int]) -> None:
    tokenizer: Any = Letters(bos)
    seen = exemplars.encode_shot(tokenizer, ROWS[2], ROWS[:2])
    start = [1] if bos is None else [bos]
    first, second = (ids(get_prompt(row["instruction"]) + row["output"]) for row in ROWS[:2])
    prompt = [*start, *first, *between, *second, *between, *ids(get_prompt("q2"))]
    assert seen["input_ids"] == [*prompt, *ids("a2"), 1]
    assert seen["labels"] == [-100] * len(prompt) + [*ids("a2"), 1]
    assert exemplars.prompt_of(seen) == prompt


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, ["best"]), (8, ["best"] * 3 + ["median"] * 2 + ["worst"] * 3), (99, ["best"] * 4 + ["median"] * 3)],
)
def test_samples_are_a_third_of_each_kind(count: int, expected: list[str]) -> None:
    base = [Likelihood(tokens=2, nll_nats=20.0)] * 10
    adapter = [Likelihood(tokens=2, nll_nats=float(nll)) for nll in (5, 3, 9, 1, 7, 0, 2, 8, 6, 4)]
    chosen = choose_samples(base, adapter, count=count)
    assert [kind for kind, _ in chosen][: len(expected)] == expected
    assert len(chosen) == len({place for _, place in chosen}) == min(count, 10)
    nll = [adapter[place].nll_nats for _, place in chosen]
    assert nll == sorted(nll)
    if count == 8:
        assert nll == [0, 1, 2, 4, 5, 7, 8, 9]


def test_text_metrics_are_the_graders() -> None:
    pytest.importorskip("sacrebleu", reason="needs the extra [local]")
    from harness.scoring.texts import compare

    texts = [
        ("老師問道：「你為什麼不說話？」", "老師問：「你為什麼不說話？」"),
        ("我還不知道。", "我還不知道。 "),
        ("你想要", ""),
    ]
    rows = [TextRow(instruction="q", reference=one, prediction=two) for one, two in texts]
    graded = compare(rows, bleu_tokenize="zh").metrics
    seen = compare_texts([two for _, two in texts], [one for one, _ in texts])
    for name in ("chrf", "bleu", "exact_match", "length_ratio", "empty"):
        assert seen[name] == getattr(graded, name), name
    assert seen["signatures"] == [graded.chrf_signature, graded.bleu_signature]
    assert "tok:13a" in compare_texts(["It rains."], ["It rains."])["signatures"][1]
