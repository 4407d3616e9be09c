"""The exact cosine: equal to that of the dense matrices, and blind to every way of writing the same delta W."""

from dataclasses import replace

import numpy as np
import pytest

from harness.similarity.lowrank import Factors, compare, inner, norm
from tests.unit.similarity.conftest import dense_cosine, make
from tests.unit.similarity.disguises import FULL, noisy, rotated, rounded_bf16

Adapter = dict[str, Factors]


@pytest.mark.parametrize("disguise", FULL, ids=lambda one: one.__name__)
def test_the_same_delta_w_has_cosine_one(adapter: Adapter, rng: np.random.Generator, disguise) -> None:
    found = compare(adapter, disguise(adapter, rng))
    assert found.cosine == pytest.approx(1, abs=1e-5)
    assert all(value is not None and value > 0.9999 for value in found.modules.values())


def test_bf16_costs_little(adapter: Adapter, rng: np.random.Generator) -> None:
    assert compare(adapter, rounded_bf16(adapter, rng)).cosine == pytest.approx(1, abs=2e-5)
    assert compare(adapter, rounded_bf16(rotated(adapter, rng), rng)).cosine == pytest.approx(1, abs=2e-5)


@pytest.mark.parametrize("other", [make(2), make(2, rank=8), make(2, targets=("q_proj",))], ids=["", "rank", "targets"])
def test_it_is_the_dense_cosine(adapter: Adapter, other: Adapter) -> None:
    assert compare(adapter, other).cosine == pytest.approx(dense_cosine(adapter, other), abs=1e-12)


def test_fewer_targets_of_the_same_adapter(adapter: Adapter) -> None:
    part = {name: one for name, one in adapter.items() if "q_proj" in name}
    found = compare(adapter, part)
    assert found.cosine == pytest.approx(dense_cosine(adapter, part), abs=1e-12)
    assert set(found.modules) == set(part)
    assert all(value == pytest.approx(1) for value in found.modules.values())


def test_noise_lowers_it_step_by_step(adapter: Adapter, rng: np.random.Generator) -> None:
    found = [compare(adapter, noisy(level)(adapter, rng)).cosine or 0.0 for level in (0.01, 0.1, 0.3, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.999 and 0.95 < found[1] < 0.995 and found[3] < 0.7


def test_half_of_the_layers_copied(adapter: Adapter) -> None:
    half = {name: one if int(name.split(".")[2]) < 3 else make(2)[name] for name, one in adapter.items()}
    found = compare(adapter, half)
    assert found.cosine == pytest.approx(dense_cosine(adapter, half), abs=1e-12)
    assert 0.3 < (found.cosine or 0) < 0.7
    assert [name for name, value in found.modules.items() if value and value > 0.99] == [
        name for name in adapter if int(name.split(".")[2]) < 3
    ]


def test_permuted_layers_are_another_adapter(adapter: Adapter) -> None:
    """Layers in another order compute something else, and are told as that: a limit that the docs state."""
    names = list(adapter)
    moved = {name: adapter[names[(at + 4) % len(names)]] for at, name in enumerate(names)}
    assert compare(adapter, moved).cosine == pytest.approx(dense_cosine(adapter, moved), abs=1e-12)
    assert abs(compare(adapter, moved).cosine or 0) < 0.1


def test_a_zero_adapter_has_no_cosine(adapter: Adapter) -> None:
    zero = {name: replace(one, b=np.zeros_like(one.b)) for name, one in adapter.items()}
    found = compare(adapter, zero)
    assert found.cosine is None and set(found.modules.values()) == {None}
    assert norm(zero["model.layers.0.q_proj"]) == 0


def test_another_base_model_has_nothing_in_common(adapter: Adapter) -> None:
    other = {name: Factors(a=one.a[:, :32], b=one.b) for name, one in adapter.items()}
    assert compare(adapter, other).modules == {}
    with pytest.raises(ValueError, match=r"shapes \(96, 64\) and \(96, 32\) differ"):
        inner(adapter["model.layers.0.q_proj"], other["model.layers.0.q_proj"])
