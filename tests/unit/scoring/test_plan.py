import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.plan import padded_tokens, plan_batches, shared_prefix

LENGTHS = st.lists(st.integers(1, 2048), max_size=200)
BUDGET = st.integers(1, 5000)


def test_longest_first_and_cut_where_padding_costs_more_than_a_batch() -> None:
    lengths = [3, 10, 4, 9, 3]
    assert plan_batches(lengths, token_budget=100, batch_cost_tokens=3) == ((1, 3), (2, 0, 4))
    assert plan_batches(lengths, token_budget=100, batch_cost_tokens=1000) == ((1, 3, 2, 0, 4),)
    assert plan_batches(lengths, token_budget=20, batch_cost_tokens=1000) == ((1, 3), (2, 0, 4))


def test_padding_is_counted() -> None:
    assert padded_tokens([3, 10, 4, 9, 3], [(1, 3), (2, 0, 4)]) == 20 + 12


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


@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.integers(1, 90), st.integers(0, 40))
def test_no_other_way_to_cut_the_sorted_row_is_cheaper(lengths: list[int], budget: int, batch_cost: int) -> None:
    def cheapest(rest: tuple[int, ...]) -> int:
        if not rest:
            return 0
        ends = [end for end in range(1, len(rest) + 1) if end == 1 or rest[0] * end <= budget]
        return min(rest[0] * end + batch_cost + cheapest(rest[end:]) for end in ends)

    plan = plan_batches(lengths, token_budget=budget, batch_cost_tokens=batch_cost)
    assert padded_tokens(lengths, plan) + batch_cost * len(plan) == cheapest(tuple(sorted(lengths, reverse=True)))


def test_shared_prefix_is_what_all_rows_begin_with() -> None:
    rows = [(1, 2, 3, number) for number in range(1000)]
    assert shared_prefix(rows, at_most=9) == 3
    assert shared_prefix(rows, at_most=3) == 3
    assert shared_prefix([*rows, (1, 2)] * 2, at_most=9) == 2
    assert shared_prefix([*rows, (0, 2)], at_most=9) == 0


@pytest.mark.parametrize(("rows", "length"), [(0, 0), (1, 0), (2048 // 4, 0), (2048 // 4 + 1, 4)])
def test_prefix_is_shared_only_where_it_pays(rows: int, length: int) -> None:
    assert shared_prefix([(1, 2, 3, 4, 5)] * rows, at_most=4) == length
