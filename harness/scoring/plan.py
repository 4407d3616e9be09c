"""Which sequences share a forward pass. Knows token lengths and nothing else: no adapter, no free memory, no clock.

Another batch shape rounds differently (in bf16 visibly so). Hence the plan may depend on the test set and the tokenizer
only: the same lengths give the same batches, and the same batches give the same bits.
"""

from collections.abc import Sequence


def plan_batches(lengths: Sequence[int], *, token_budget: int) -> tuple[tuple[int, ...], ...]:
    """Group sequences into right-padded batches, longest first.

    Sorted by length, neighbours need little padding; longest first, a lack of memory shows in the first batch. A batch
    grows while ``longest * rows <= token_budget``; a sequence over the budget gets a batch of its own.

    Args:
        lengths: Tokens of each sequence, each at least 1.
        token_budget: Most tokens of one batch, padding included.

    Returns:
        Batches of indices into `lengths`; each index is in exactly one. Equal lengths keep their order.

    Raises:
        ValueError: A length or the budget is below 1.
    """
    if token_budget < 1 or min(lengths, default=1) < 1:
        raise ValueError(f"lengths and budget must be at least 1, saw {min(lengths, default=1)} and {token_budget}")
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > token_budget:
            batches.append(tuple(batch))
            batch = []
        batch.append(index)
    if batch:
        batches.append(tuple(batch))
    return tuple(batches)
