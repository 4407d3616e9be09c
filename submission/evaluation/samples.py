"""Chooses the examples that a report shows: where the adapter helped most, where it did least, what lies between."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.perplexity import Likelihood


def choose_samples(base: Sequence[Likelihood], adapter: Sequence[Likelihood], *, count: int) -> list[tuple[str, int]]:
    """Choose places by how perplexity changed, as a ratio: (`best`, `median` or `worst`, place), the best first.

    A third of `count` is of each kind, or all there is where that is less.
    """
    change = [
        two.nll_nats / two.tokens - one.nll_nats / one.tokens for one, two in zip(base, adapter, strict=True)
    ]  # ln of the ratio of perplexities
    order = sorted(range(len(change)), key=lambda place: (change[place], place))
    count = min(count, len(order))
    best, worst, median = (count + 2) // 3, (count + 1) // 3, count // 3
    between = order[best : len(order) - worst]
    start = (len(between) - median) // 2
    kinds = (
        ("best", order[:best]),
        ("median", between[start : start + median]),
        ("worst", order[len(order) - worst :]),
    )
    return [(kind, place) for kind, places in kinds for place in places]
