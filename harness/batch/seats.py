"""Where in a cluster a grader is placed, and what it claims there. A pure decision: knows no cluster's client."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.batch.machine import Sizes

FETCHES = 4
CPUS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A place for one grader: the node, the number of it there, its claims, and the node's name for people."""

    node_id: str
    number: int
    name: str
    cpus: int
    gpus: int

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from other seats, now and later."""
        return self.node_id, self.number


def seats_of(nodes: Iterable[Mapping[str, Any]], *, with_gpus: bool) -> tuple[Seat, ...]:
    """Give the seats of the nodes that live: one for each GPU, or without GPUs one for each node that has cores.

    The cores of a node are shared out among its seats.

    Args:
        nodes: As `ray.nodes` lists them.
        with_gpus: Whether graders have a GPU each; nodes without one then have no seat.
    """
    found: list[Seat] = []
    for node in nodes:
        resources = node.get("Resources", {})
        gpus, cpus = int(resources.get("GPU", 0)), math.floor(resources.get("CPU", 0))
        count = gpus if with_gpus else int(cpus > 0)
        if not node.get("Alive"):
            continue
        found += [
            Seat(
                node_id=node["NodeID"],
                number=number,
                name=f"{node['NodeManagerHostname']} ({node['NodeID'][:8]}{f', GPU {number}' if count > 1 else ''})",
                cpus=cpus // count,
                gpus=int(with_gpus),
            )
            for number in range(count)
        ]
    return tuple(found)


def sizes_at(seat: Seat, wanted: Sizes, *, cpus_of_run: float) -> Sizes:
    """Decide how many places each kind of work has at a seat; what the user asked for is for each seat."""
    return Sizes(
        fetch=wanted.fetch or FETCHES,
        cpu=wanted.cpu or max(1, min(CPUS, seat.cpus)),
        run=wanted.run or max(1, math.floor(seat.cpus / cpus_of_run)),
    )
