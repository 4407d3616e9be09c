import numpy as np
import pytest

from harness.similarity.gram import exact, from_sketches
from harness.similarity.lowrank import Factors, compare
from harness.similarity.sketch import sketch
from tests.unit.similarity.conftest import make
from tests.unit.similarity.disguises import padded

Adapter = dict[str, Factors]


def many(rng: np.random.Generator) -> list[Adapter]:
    first = make(1)
    zero = {name: Factors(a=one.a, b=np.zeros_like(one.b)) for name, one in first.items()}
    other_base = {name: Factors(a=one.a[:, :32], b=one.b) for name, one in make(6).items()}
    return [first, make(2, rank=7), padded(first, rng), make(3, targets=("q_proj", "k_proj")), zero, other_base]


@pytest.mark.parametrize("tile_bytes", [1, 6000, 1_000_000_000], ids=["one by one", "tiles", "all at once"])
def test_all_pairs_at_once_are_the_pairs_one_by_one(rng: np.random.Generator, tile_bytes: int) -> None:
    adapters = many(rng)
    names = sorted({name for one in adapters for name in one})
    loads: list[tuple[int, str]] = []

    def load(number: int, name: str) -> Factors | None:
        loads.append((number, name))
        return adapters[number].get(name)

    steps: list[int] = []
    found = exact(names, len(adapters), load, tile_bytes=tile_bytes, step=lambda: steps.append(1))
    for a in range(len(adapters)):
        for b in range(len(adapters)):
            pair = compare(adapters[a], adapters[b])
            expected = np.nan if pair.cosine is None else pair.cosine
            np.testing.assert_allclose(found.cosine[a, b], expected, atol=1e-9)
            told = [value for value in pair.modules.values() if value is not None]
            assert found.shared[a, b] == len(told)
            assert found.alike[a, b] == sum(value >= 0.99 for value in told)
    assert len(steps) == len(names)
    if tile_bytes == 1_000_000_000:
        assert len(loads) <= len(names) * (len(adapters) + len(adapters))


def test_sketches_and_exact_agree(rng: np.random.Generator) -> None:
    adapters = many(rng)
    names = sorted({name for one in adapters for name in one})
    known = exact(names, len(adapters), lambda number, name: adapters[number].get(name))
    guessed = from_sketches([dict(sketch(one.items(), count=24, widest=160)) for one in adapters])
    np.testing.assert_allclose(guessed.cosine, known.cosine, atol=0.02)
    np.testing.assert_array_equal(guessed.shared, known.shared)
    np.testing.assert_array_equal(guessed.alike, known.alike)


def test_one_adapter_and_none() -> None:
    assert from_sketches([]).cosine.shape == (0, 0)
    assert exact([], 0, lambda number, name: None).cosine.shape == (0, 0)
    assert from_sketches([dict(sketch(make(1).items(), count=24, widest=160))]).cosine == pytest.approx(1)
