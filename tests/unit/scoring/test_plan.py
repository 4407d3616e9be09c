import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.plan import plan_batches

LENGTHS = st.lists(st.integers(1, 2048), max_size=200)
BUDGET = st.integers(1, 5000)


def test_longest_first_and_as_many_as_the_budget_holds() -> None:
    assert plan_batches([3, 10, 4, 9, 3], token_budget=20) == ((1, 3), (2, 0, 4))


def test_equal_lengths_keep_their_order() -> None:
    assert plan_batches([5] * 4, token_budget=10) == ((0, 1), (2, 3))


def test_sequence_over_the_budget_gets_a_batch_of_its_own() -> None:
    assert plan_batches([50, 2, 2], token_budget=10) == ((0,), (1, 2))


def test_nothing_gives_no_batches() -> None:
    assert plan_batches([], token_budget=10) == ()


@pytest.mark.parametrize(("lengths", "budget", "seen"), [([3, 0], 10, "0 and 10"), ([3], 0, "3 and 0")])
def test_below_one_is_an_error(lengths: list[int], budget: int, seen: str) -> None:
    with pytest.raises(ValueError, match=f"lengths and budget must be at least 1, saw {seen}"):
        plan_batches(lengths, token_budget=budget)


@given(LENGTHS, BUDGET)
def test_each_sequence_once_within_the_budget_longest_first(lengths: list[int], budget: int) -> None:
    plan = plan_batches(lengths, token_budget=budget)
    order = [index for batch in plan for index in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[index] for index in order] == sorted(lengths, reverse=True)
    assert all(len(batch) == 1 or lengths[batch[0]] * len(batch) <= budget for batch in plan)


@given(LENGTHS, BUDGET)
def test_no_batch_could_have_taken_the_next_sequence(lengths: list[int], budget: int) -> None:
    plan = plan_batches(lengths, token_budget=budget)
    assert all(lengths[batch[0]] * (len(batch) + 1) > budget for batch in plan[:-1])
