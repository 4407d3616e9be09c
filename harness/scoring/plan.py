"""Which sequences share a forward pass. Knows token lengths and nothing else: no adapter, no free memory, no clock.

Another batch shape rounds differently (in bf16 visibly so). Hence the plan may depend on the test set and the tokenizer
only: the same lengths give the same batches, and the same batches give the same bits.
"""

from collections.abc import Sequence
from itertools import pairwise

# What one more batch costs beside its tokens, as so many tokens: kernels that do not fill the GPU, and their starts.
BATCH_COST_TOKENS = 512
# What it costs to compute a prefix by itself, as so many tokens.
SHARING_COST_TOKENS = 2_048


def plan_batches(
    lengths: Sequence[int], *, token_budget: int, batch_cost_tokens: int = BATCH_COST_TOKENS
) -> tuple[tuple[int, ...], ...]:
    """Group sequences into right-padded batches of neighbours in length, longest first.

    Of all ways to cut the sorted row into batches, it takes the one with the least tokens, padding included, plus
    `batch_cost_tokens` a batch (dynamic programming over the cuts). Longest first, a lack of memory shows in the first
    batch. A batch holds at most ``longest * rows <= token_budget``; a sequence over the budget gets one of its own.

    Args:
        lengths: Tokens of each sequence, each at least 1.
        token_budget: Most tokens of one batch, padding included.
        batch_cost_tokens: What a batch costs beside its tokens.

    Returns:
        Batches of indices into `lengths`; each index is in exactly one. Equal lengths keep their order.

    Raises:
        ValueError: A length or the budget is below 1.
    """
    if token_budget < 1 or min(lengths, default=1) < 1:
        raise ValueError(f"lengths and budget must be at least 1, saw {min(lengths, default=1)} and {token_budget}")
    order = sorted(range(len(lengths)), key=lambda one: (-lengths[one], one))
    starts = _starts([lengths[index] for index in order], token_budget, batch_cost_tokens)
    return tuple(tuple(order[start:end]) for start, end in pairwise((*starts, len(order))))


def shared_prefix(rows: Sequence[tuple[int, ...]], *, at_most: int) -> int:
    """Give how many tokens at the start of all rows are computed once for all.

    Args:
        rows: Token ids.
        at_most: What must not be shared begins there.

    Returns:
        The length of what all have in common, at most `at_most`; 0 where sharing spares less than it costs.
    """
    first, last = min(rows, default=()), max(rows, default=())  # in between, all share what these two share
    same = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    length = min(next(same, min(len(first), len(last))), at_most)
    return length if length * (len(rows) - 1) >= SHARING_COST_TOKENS else 0


def padded_tokens(lengths: Sequence[int], plan: Sequence[Sequence[int]]) -> int:
    """Give the tokens that the plan computes, padding included."""
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in plan)


def _starts(lengths: Sequence[int], token_budget: int, batch_cost_tokens: int) -> list[int]:
    """Find where the batches begin; `lengths` fall. ``cost[end]`` is the least cost of the first `end` sequences."""
    cost, start_of = [0], [0]
    for end in range(1, len(lengths) + 1):
        best, best_start = 0, -1
        for start in range(end - 1, -1, -1):
            tokens = lengths[start] * (end - start)
            if tokens > token_budget and end - start > 1:
                break
            if best_start < 0 or cost[start] + tokens < best:
                best, best_start = cost[start] + tokens, start
        cost.append(best + batch_cost_tokens)
        start_of.append(best_start)
    starts: list[int] = []
    end = len(lengths)
    while end:
        end = start_of[end]
        starts.append(end)
    return starts[::-1]
