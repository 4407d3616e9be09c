"""Examples per update never depend on packing, every example comes once an epoch, and no batch is over its room."""

import random
from collections import Counter
from typing import Any

import pytest

pytestmark = pytest.mark.torch
pytest.importorskip("torch")

from encoding import IGNORED, Encoded  # noqa: E402
from training.batches import APART, Room, collate, count_steps, plan_steps, split  # noqa: E402


def example(length: int, *, answer: int = 2, first: int = 1) -> Encoded:
    ids = [first + place for place in range(length)]
    return {"input_ids": ids, "labels": [IGNORED] * (length - answer) + ids[length - answer :]}


@pytest.mark.parametrize(("count", "each", "epochs"), [(24, 8, 3), (25, 8, 2), (1, 16, 1), (7, 2, 1), (5, 16, 4)])
def test_every_example_comes_once_an_epoch_in_another_order(count: int, each: int, epochs: int) -> None:
    steps = list(plan_steps(count, examples_per_step=each, epochs=epochs, seed=1))
    assert len(steps) == count_steps(count, examples_per_step=each, epochs=epochs)
    seen = [one for _, chosen in steps for one in chosen]
    orders = [seen[start : start + count] for start in range(0, len(seen), count)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert count < 7 or orders[0] != orders[-1] or epochs == 1
    assert all(len(chosen) == each or (place + 1) % -(-count // each) == 0 for place, (_, chosen) in enumerate(steps))
    assert steps[-1][0] == epochs


def test_part_of_an_epoch_and_the_seed() -> None:
    half = list(plan_steps(32, examples_per_step=8, epochs=0.5, seed=1))
    assert [epoch for epoch, _ in half] == [0.25, 0.5]
    assert half == list(plan_steps(32, examples_per_step=8, epochs=1, seed=1))[:2]
    assert half != list(plan_steps(32, examples_per_step=8, epochs=0.5, seed=2))
    assert count_steps(3, examples_per_step=16, epochs=0.01) == 1


@pytest.mark.parametrize("packing", [True, False])
def test_batches_hold_every_example_once_and_no_more_than_their_room(packing: bool) -> None:
    draw = random.Random(0)
    lengths = [draw.randrange(1, 65) for _ in range(300)]
    room = Room(tokens=128, packing=packing)
    batches = split(range(10, 290), lengths, room=room)
    assert Counter(one for batch in batches for one in batch) == Counter(range(10, 290))
    for batch in batches:
        sizes = [lengths[one] for one in batch]
        assert (sum(sizes) if packing else max(sizes) * len(sizes)) <= 128
    filled = sum(lengths[one] for one in range(10, 290)) / (128 * len(batches))
    assert not packing or filled > 0.95


def test_row_of_two_examples_by_hand() -> None:
    batch = collate([example(4), example(3, first=7)], room=Room(tokens=16, packing=True), padding=0, device="cpu")
    assert batch.input_ids.tolist() == [[1, 2, 3, 4, 7, 8, 9]]
    assert batch.positions.tolist() == [[0, 1, 2, 3, 0, 1, 2]]
    assert batch.documents is not None and batch.documents.tolist() == [[0, 0, 0, 0, 1, 1, 1]]
    assert (batch.answers.tolist(), batch.labels.tolist()) == ([1, 2, 4, 5], [3, 4, 8, 9])


def test_rows_apart_are_padded_on_the_right_and_need_no_mask() -> None:
    batch = collate([example(4), example(3, first=7)], room=Room(tokens=16, packing=False), padding=0, device="cpu")
    assert batch.input_ids.tolist() == [[1, 2, 3, 4], [7, 8, 9, 0]]
    assert batch.documents is None
    assert (batch.answers.tolist(), batch.labels.tolist()) == ([1, 2, 4, 5], [3, 4, 8, 9])


def test_sizes_are_rounded_up_but_not_over_the_room() -> None:
    room = Room(tokens=10, packing=True, token_step=8, answer_step=6)
    small = collate([example(5)], room=room, padding=0, device="cpu")
    assert (small.input_ids.shape, small.labels.tolist()) == ((1, 8), [4, 5, *[IGNORED] * 4])
    assert small.documents is not None and small.documents.tolist() == [[0] * 5 + [APART] * 3]
    assert collate([example(9)], room=room, padding=0, device="cpu").input_ids.shape == (1, 10)


def test_answers_never_cross_into_the_next_example() -> None:
    """The first token of an example is never predicted, whatever its label says."""
    whole: Any = {"input_ids": [5, 6], "labels": [5, 6]}
    batch = collate([whole, whole], room=Room(tokens=8, packing=True), padding=0, device="cpu")
    assert (batch.answers.tolist(), batch.labels.tolist()) == ([0, 2], [6, 6])
