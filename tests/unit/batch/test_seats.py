"""Where graders are placed, by what the cluster says of its nodes."""

from typing import Any

import pytest

from harness.batch.machine import Sizes
from harness.batch.seats import Seat, seats_of, sizes_at


def node(name: str, *, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name * 28, "Alive": alive, "NodeManagerHostname": f"host-{name}", "Resources": resources}


HEAD = node("aa", memory=1e9)
CPU = node("bb", CPU=16.0)
ONE = node("cc", CPU=16.0, GPU=1.0)
FOUR = node("dd", CPU=30.0, GPU=4.0)
DEAD = node("ee", alive=False, CPU=16.0, GPU=1.0)


def told(seats: tuple[Seat, ...]) -> list[tuple[str, int, int]]:
    return [(one.name, one.cpus, one.gpus) for one in seats]


def test_one_for_each_gpu_with_its_share_of_the_cores() -> None:
    assert told(seats_of([HEAD, CPU, ONE, FOUR, DEAD], with_gpus=True)) == [
        ("host-cc (cccccccc)", 16, 1),
        ("host-dd (dddddddd, GPU 0)", 7, 1),
        ("host-dd (dddddddd, GPU 1)", 7, 1),
        ("host-dd (dddddddd, GPU 2)", 7, 1),
        ("host-dd (dddddddd, GPU 3)", 7, 1),
    ]


def test_without_gpus_one_for_each_node_that_has_cores() -> None:
    assert told(seats_of([HEAD, CPU, ONE, DEAD], with_gpus=False)) == [
        ("host-bb (bbbbbbbb)", 16, 0),
        ("host-cc (cccccccc)", 16, 0),
    ]


def test_seats_are_told_apart() -> None:
    seats = seats_of([ONE, FOUR], with_gpus=True)
    assert len({one.key for one in seats}) == len(seats) == 5


@pytest.mark.parametrize(
    ("cpus", "wanted", "expected"),
    [
        (16, Sizes(), Sizes(fetch=4, cpu=4, run=8)),
        (1, Sizes(), Sizes(fetch=4, cpu=1, run=1)),
        (0, Sizes(), Sizes(fetch=4, cpu=1, run=1)),
        (16, Sizes(fetch=2, run=1), Sizes(fetch=2, cpu=4, run=1)),
    ],
)
def test_sizes(cpus: int, wanted: Sizes, expected: Sizes) -> None:
    seat = Seat(node_id="aa", number=0, name="host", cpus=cpus, gpus=0)
    assert sizes_at(seat, wanted, cpus_of_run=2.0) == expected
