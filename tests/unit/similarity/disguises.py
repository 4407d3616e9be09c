"""Ways to hand in another's adapter so that its file differs: each keeps delta W, or as much of it as its name says."""

from collections.abc import Callable

import numpy as np

from harness.similarity.lowrank import Factors

Adapter = dict[str, Factors]
Draw = np.random.Generator


def rotated(adapter: Adapter, draw: Draw) -> Adapter:
    """(B Q)(Q^T A) with a random orthogonal Q."""

    def change(one: Factors) -> Factors:
        turn = np.linalg.qr(draw.standard_normal((one.a.shape[0],) * 2))[0].astype(np.float32)
        return Factors(a=turn.T @ one.a, b=one.b @ turn, scale=one.scale)

    return {name: change(one) for name, one in adapter.items()}


def mixed(adapter: Adapter, draw: Draw) -> Adapter:
    """(B Q)(Q^-1 A) with a random invertible Q."""

    def change(one: Factors) -> Factors:
        mix = draw.standard_normal((one.a.shape[0],) * 2)
        return Factors(
            a=(np.linalg.inv(mix) @ one.a).astype(np.float32), b=(one.b @ mix).astype(np.float32), scale=one.scale
        )

    return {name: change(one) for name, one in adapter.items()}


def padded(adapter: Adapter, draw: Draw) -> Adapter:
    """Twice the rank: zeros in B, anything in A."""

    def change(one: Factors) -> Factors:
        more = draw.standard_normal(one.a.shape).astype(np.float32)
        return Factors(
            a=np.concatenate([one.a, more]), b=np.concatenate([one.b, np.zeros_like(one.b)], axis=1), scale=one.scale
        )

    return {name: change(one) for name, one in adapter.items()}


def merged_scale(adapter: Adapter, draw: Draw) -> Adapter:
    """alpha / r moved into A, and alpha set to r."""
    return {name: Factors(a=one.a * np.float32(one.scale), b=one.b, scale=1.0) for name, one in adapter.items()}


def rounded_bf16(adapter: Adapter, draw: Draw) -> Adapter:
    """Saved in bf16, to the nearest."""
    return {name: Factors(a=to_bf16(one.a), b=to_bf16(one.b), scale=one.scale) for name, one in adapter.items()}


def to_bf16(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Round fp32 to the nearest bf16."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def noisy(level: float) -> Callable[[Adapter, Draw], Adapter]:
    """Add noise of `level` times the size of each factor."""

    def change(adapter: Adapter, draw: Draw) -> Adapter:
        def with_noise(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
            noise = draw.standard_normal(values.shape) * level * np.std(values, axis=None)
            return (values + noise).astype(np.float32)

        return {n: Factors(a=with_noise(one.a), b=with_noise(one.b), scale=one.scale) for n, one in adapter.items()}

    return change


FULL = (rotated, mixed, padded, merged_scale)
