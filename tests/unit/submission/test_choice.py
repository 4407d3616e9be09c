"""The next token: likeliest or drawn, never an end at the beginning; and where an answer ends."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.torch
LOGITS = [0.0, math.log(2), math.log(4), math.log(1)]  # probabilities 1/8, 2/8, 4/8, 1/8
TOKENIZER = SimpleNamespace(decode=lambda ids, **_: "".join("甲乙丙丁"[one] for one in ids), eos_token_id=3)


def row(key: str = "a", *, ends: frozenset[int] = frozenset(), **how: object) -> object:
    from prediction.choice import Decoding, Prompt, Row

    return Row(0, Prompt(ids=[1], key=key), Decoding(**how), TOKENIZER, ends)


def drawn(count: int, *, ends: frozenset[int] = frozenset(), **how: object) -> Counter[int]:
    import torch
    from prediction.choice import Decoding, choose

    rows = [row(str(number), **how) for number in range(count)]
    return Counter(choose(torch.tensor([LOGITS] * count), rows, Decoding(**how), ends=ends))


def test_the_likeliest_token_is_taken() -> None:
    assert drawn(3) == {2: 3}


def test_an_end_never_comes_first_and_may_come_second() -> None:
    import torch
    from prediction.choice import Decoding, choose

    beginning, going = row(), row()
    going.take(0)
    ends = frozenset({2, 3})
    assert choose(torch.tensor([LOGITS, LOGITS]), [beginning, going], Decoding(), ends=ends) == [1, 2]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"temperature": 1.0}, [1 / 8, 2 / 8, 4 / 8, 1 / 8]),
        ({"temperature": 0.5}, [1 / 22, 4 / 22, 16 / 22, 1 / 22]),
        ({"temperature": 1.0, "top_p": 0.6}, [0, 1 / 3, 2 / 3, 0]),
        ({"temperature": 1.0, "top_p": 0.5}, [0, 0, 1, 0]),
    ],
)
def test_tokens_are_drawn_by_their_probabilities(how: dict[str, float], expected: list[float]) -> None:
    found = drawn(4000, **how)
    for token, probability in enumerate(expected):
        error = 4 * math.sqrt(probability * (1 - probability) / 4000)
        assert abs(found[token] / 4000 - probability) <= error


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_rounding_turns_no_draw(top_p: float) -> None:
    """Tokens that are as likely but for rounding are many where a model is unsure; which one comes must not change."""
    import torch
    from prediction.choice import Decoding, choose

    how = Decoding(temperature=1.0, top_p=top_p)
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, dim=1)
    noise = 1e-6 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    found = [
        choose(one.repeat(300, 1), [row(str(number)) for number in range(300)], how, ends=frozenset())
        for one in (logits, logits + noise)
    ]
    turned = sum(one != other for one, other in zip(*found, strict=True))
    assert turned <= (0 if top_p == 1 else 9)  # at the edge of top_p one token is in or out


def test_an_answer_ends_with_an_end_token_a_stop_text_or_at_its_longest() -> None:
    ended, stopped, cut = (
        row(ends=frozenset({3})),
        row(stop=("乙丙", "丁")),
        row(max_new_tokens=2, stop=("丙",)),
    )
    for one, tokens in ((ended, [0, 1, 3]), (stopped, [0, 1, 2]), (cut, [0, 1])):
        for token in tokens[:-1]:
            one.take(token)
            assert not one.done
        one.take(tokens[-1])
    assert (ended.done, ended.cut) == (True, False)
    assert (stopped.done, stopped.cut, stopped.text) == (True, False, "甲")
    assert (cut.done, cut.cut, cut.text) == (True, True, "甲乙")


def test_all_end_tokens_of_the_generation_settings_count() -> None:
    from prediction.choice import end_tokens

    def model(named: object) -> object:
        return SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=named))

    assert [end_tokens(model(named), TOKENIZER) for named in ([5, 6], 5, None)] == [{3, 5, 6}, {3, 5}, {3}]
    assert end_tokens(SimpleNamespace(), TOKENIZER) == {3}
    config = SimpleNamespace(vocab_size=6)
    within = SimpleNamespace(config=config, generation_config=SimpleNamespace(eos_token_id=[5, 6, -1]))
    assert end_tokens(within, TOKENIZER) == {3, 5}  # for others there is no logit
