"""The sketch: how near its cosines are, that it never changes, and that it cannot be made to mislead unseen."""

import hashlib

import numpy as np
import pytest

from harness.similarity.gram import from_sketches
from harness.similarity.lowrank import Factors, norm
from harness.similarity.signs import signs
from harness.similarity.sketch import (
    LEAST_VALUES,
    METHOD,
    TOTAL_VALUES,
    from_text,
    is_faithful,
    sketch,
    to_text,
    values_per_module,
)
from tests.unit.similarity.conftest import dense_cosine, make
from tests.unit.similarity.disguises import FULL, noisy, rounded_bf16

MOST_ERROR = 0.02
Adapter = dict[str, Factors]


def sketched(adapter: Adapter):
    return dict(sketch(adapter.items(), count=len(adapter), widest=160))


def test_signs_never_change() -> None:
    """Sketches of other terms and machines are compared with these: whoever changes them makes another method."""
    digest = hashlib.sha256(signs("delta-w.v1/out/96/0", 4096).tobytes()).hexdigest()
    assert digest == "0e1959a8f93fd7c9ef1730fa615cac17c9085f495242c5574fd24993fd91ecb5"
    assert set(signs("any", 1000).tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("disguise", [*FULL, rounded_bf16], ids=lambda one: one.__name__)
def test_the_same_delta_w_is_seen(adapter: Adapter, rng: np.random.Generator, disguise) -> None:
    found = from_sketches([sketched(adapter), sketched(disguise(adapter, rng))])
    assert found.cosine[0, 1] == pytest.approx(1, abs=1e-3)
    assert found.alike[0, 1] == found.shared[0, 1] == len(adapter)


def test_errors_stay_within_what_is_stated(adapter: Adapter, rng: np.random.Generator) -> None:
    """All pairs of 24 adapters: independent ones, noisy copies, other ranks and targets, against the dense cosine."""
    many = [make(seed) for seed in range(2, 12)]
    many += [noisy(level)(adapter, rng) for level in np.linspace(0.1, 1.5, 10)]
    many += [make(20, rank=2), make(21, rank=12), make(22, targets=("q_proj",)), adapter]
    found = from_sketches([sketched(one) for one in many]).cosine
    errors = [found[a, b] - dense_cosine(many[a], many[b]) for a in range(len(many)) for b in range(a + 1, len(many))]
    assert len(errors) == 276
    assert max(map(abs, errors)) <= MOST_ERROR
    assert abs(float(np.mean(errors))) < 0.002
    assert 1e-4 < float(np.std(errors)) < 0.008


def test_norms_are_exact(adapter: Adapter) -> None:
    for name, one in sketched(adapter).items():
        assert one.norm == pytest.approx(norm(adapter[name]), rel=1e-6)


def test_huge_values_do_not_overflow(adapter: Adapter) -> None:
    huge = {name: Factors(a=one.a * np.float32(1e37), b=one.b * np.float32(1e37)) for name, one in adapter.items()}
    found = from_sketches([sketched(adapter), sketched(huge)])
    assert found.cosine[0, 1] == pytest.approx(1, abs=1e-3)


def test_a_zero_adapter_has_no_cosine(adapter: Adapter) -> None:
    zero = {name: Factors(a=one.a, b=np.zeros_like(one.b)) for name, one in adapter.items()}
    found = from_sketches([sketched(adapter), sketched(zero)])
    assert np.isnan(found.cosine[0, 1]) and np.isnan(found.cosine[1, 1]) and found.cosine[0, 0] > 0.999
    assert found.shared[0, 1] == 0 and is_faithful(sketched(zero))


def test_a_longer_sketch_begins_with_the_shorter_one(adapter: Adapter) -> None:
    name = "model.layers.0.q_proj"
    (_, few), *_ = sketch([(name, adapter[name])], count=500, widest=160)
    (_, many), *_ = sketch([(name, adapter[name])], count=24, widest=160)
    assert few.values.size < many.values.size
    ratio = many.values[: few.values.size].astype(float) @ few.values.astype(float)
    assert ratio / np.linalg.norm(few.values.astype(float)) ** 2 == pytest.approx(
        np.linalg.norm(many.values[: few.values.size].astype(float)) / np.linalg.norm(few.values.astype(float)),
        rel=1e-3,
    )


def test_values_are_shared_out() -> None:
    assert values_per_module(252, 9728) == TOTAL_VALUES // 252
    assert values_per_module(7, 9728) == 8_000_000 // 9728
    assert values_per_module(10_000, 9728) == LEAST_VALUES


def test_a_sketch_that_is_made_to_mislead_shows_its_norm(rng: np.random.Generator) -> None:
    """A rank-one change along the public signs hardly changes delta W, but fills the sketch."""
    size = 1024
    honest = {f"layers.{layer}.q": large(size, rng) for layer in range(4)}
    bent = {}
    for name, one in honest.items():
        u, v = (
            signs(f"{METHOD}/{side}/{size}/0", 64 * size)[:size] * signs(f"{METHOD}/{name}/{side}", size)
            for side in ("out", "in")
        )
        small = np.float32(0.1 * norm(one) / size)
        bent[name] = Factors(
            a=np.concatenate([one.a, v[None, :]]), b=np.concatenate([one.b, small * u[:, None]], axis=1)
        )
    assert dense_cosine(honest, bent) > 0.99
    first, second = (dict(sketch(one.items(), count=96, widest=size)) for one in (honest, bent))
    assert from_sketches([first, second]).cosine[0, 1] < 0.5
    assert is_faithful(first) and not is_faithful(second)


def large(size: int, rng: np.random.Generator) -> Factors:
    a, b = rng.standard_normal((4, size)), rng.standard_normal((size, 4))
    return Factors(a=a.astype(np.float32), b=b.astype(np.float32))


def test_text_there_and_back() -> None:
    values = np.array([-127, 0, 5, 127], np.int8)
    assert np.array_equal(from_text(to_text(values)), values)
    with pytest.raises(ValueError, match="base64"):
        from_text("a*b")
