"""Small adapters with factors drawn from a seed."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from harness.similarity.lowrank import Factors

SHAPES = {"q_proj": (96, 64), "k_proj": (32, 64), "up_proj": (160, 64), "down_proj": (64, 160)}
LAYERS = 6
Make = Callable[..., dict[str, Factors]]


def make(seed: int, *, rank: int = 4, targets: tuple[str, ...] = tuple(SHAPES)) -> dict[str, Factors]:
    """Draw an adapter: rank `rank` on `targets` of each layer, with falling singular values as training leaves."""
    draw = np.random.Generator(np.random.PCG64(seed))
    fall = 0.5 ** np.arange(rank)
    return {
        f"model.layers.{layer}.{name}": Factors(
            a=draw.standard_normal((rank, SHAPES[name][1])).astype(np.float32),
            b=(draw.standard_normal((SHAPES[name][0], rank)) * fall).astype(np.float32),
            scale=2.0,
        )
        for layer in range(LAYERS)
        for name in targets
    }


def dense_cosine(one: Mapping[str, Factors], other: Mapping[str, Factors]) -> float:
    """Form delta W and take the cosine: what everything else is held against."""

    def flat(adapter: Mapping[str, Factors]) -> np.ndarray:  # type: ignore[type-arg]
        names = sorted({*one, *other})
        shapes = {name: (one.get(name) or other[name]).shape for name in names}
        parts = [
            adapter[name].b.astype(np.float64) @ adapter[name].a.astype(np.float64) * adapter[name].scale
            if name in adapter
            else np.zeros(shapes[name])
            for name in names
        ]
        return np.concatenate([part.ravel() for part in parts])

    left, right = flat(one), flat(other)
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


@pytest.fixture
def adapter() -> dict[str, Factors]:
    return make(1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(99))
