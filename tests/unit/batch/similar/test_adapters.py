"""Adapters of run folders: from evidence alone, from weights, across runs, and what is left out and why."""

from pathlib import Path

import numpy as np
import pytest

from harness.batch.similar.adapters import UNTRUE, compare_adapters
from harness.batch.similar.entries import read_entries
from harness.errors import ConfigError
from harness.model.similar import Adapters
from harness.similarity.lowrank import Factors
from tests.unit.batch.similar.conftest import AddOne, make


def quiet(what: str, done: int, total: int) -> None:
    assert 0 < done <= total


def compared(*runs: Path, folder: Path | None = None, exactly: bool = False, most: int = 20) -> Adapters:
    return compare_adapters(read_entries(runs).all, folder=folder, exactly=exactly, most=most, step=quiet)


def turned(adapter: dict[str, Factors]) -> dict[str, Factors]:
    """(B Q)(Q^-1 A) with a fixed Q: no byte stays."""
    mix = np.random.Generator(np.random.PCG64(5)).standard_normal((4, 4))
    return {
        name: Factors(a=(np.linalg.inv(mix) @ one.a).astype(np.float32), b=(one.b @ mix).astype(np.float32))
        for name, one in adapter.items()
    }


@pytest.fixture
def run(add: AddOne, tmp_path: Path) -> Path:
    """Eight students: two with one adapter in disguise, two with one file, one with half of another's layers."""
    half = {name: one if name.split(".")[2] in "01" else make(9)[name] for name, one in make(3).items()}
    for number, adapter in enumerate((make(1), turned(make(1)), make(2), make(2), make(3), half, make(4), make(5))):
        add(f"r1392103{number}", adapter=adapter)
    return tmp_path / "run"


def test_copies_come_first_with_what_coincides(run: Path) -> None:
    found = compared(run)
    assert found.compared == 8 and found.left_out == ()
    same, disguised, half, *others = found.pairs
    assert (same.a, same.b, same.same_file, same.cosine) == ("r13921032", "r13921033", True, 1.0)
    assert (disguised.a, disguised.b, disguised.same_file) == ("r13921030", "r13921031", False)
    assert disguised.cosine == pytest.approx(1, abs=1e-3) and disguised.layers_alike == "layers 0-3 of 4"
    assert (half.a, half.b, half.layers_alike) == ("r13921034", "r13921035", "layers 0-1 of 4")
    assert (half.modules_alike, half.modules_shared) == (4, 8)
    assert half.z is not None and half.z > 10 and not half.exact
    assert all(one.modules_alike == 0 and abs(one.cosine or 0) < 0.15 for one in others)
    assert found.baseline is not None and found.baseline.pairs == 28 and abs(found.baseline.median) < 0.05


def test_weights_make_the_shown_pairs_exact(run: Path, weights: Path) -> None:
    guessed, exact = compared(run), compared(run, folder=weights / "run")
    assert all(one.exact for one in exact.pairs) and not any(one.exact for one in guessed.pairs)
    for one, other in zip(guessed.pairs[:3], exact.pairs[:3], strict=True):
        assert (one.a, one.b, one.layers_alike) == (other.a, other.b, other.layers_alike)
        assert one.cosine == pytest.approx(other.cosine, abs=0.02)
    every = compared(run, folder=weights / "run", exactly=True)
    assert every.error == 0
    assert [one.cosine for one in every.pairs[:3]] == [one.cosine for one in exact.pairs[:3]]


def test_two_runs_without_the_pairs_of_one_student(add: AddOne, tmp_path: Path) -> None:
    for student in ("r13921031", "r13921032"):
        add(student, run="spring", adapter=make(int(student[-1])))
    add("r13921031", run="autumn", adapter=make(1))
    add("r13921039", run="autumn", adapter=turned(make(2)), bf16=True)
    found = compared(tmp_path / "spring", tmp_path / "autumn")
    assert (found.pairs[0].a, found.pairs[0].b) == ("spring/r13921032", "autumn/r13921039")
    assert found.pairs[0].cosine == pytest.approx(1, abs=1e-3)
    assert {(one.a, one.b) for one in found.pairs}.isdisjoint({("spring/r13921031", "autumn/r13921031")})
    assert found.baseline is not None and found.baseline.pairs == 5


def test_what_is_left_out_says_why(add: AddOne, tmp_path: Path, weights: Path) -> None:
    add("a1")
    zero = {name: Factors(a=one.a, b=np.zeros_like(one.b)) for name, one in make(1).items()}
    add("b1", adapter=zero)
    (add("c1", adapter=make(1)) / "evidence" / "adapter_sketch.json").unlink()
    (add("d1", adapter=make(1)) / "evidence" / "adapter_sketch.json").write_text('{"schema": "sketch.v1"}')
    kept = add("e1", adapter=make(1)) / "evidence" / "adapter_sketch.json"
    kept.write_text(kept.read_text().replace('"ratio": 1.', '"ratio": 9.').replace('"ratio": 0.', '"ratio": 9.'))
    add("f1", adapter=make(1))
    found = compared(tmp_path / "run")
    why = {one.submission: one.why for one in found.left_out}
    assert why.pop("d1").endswith("adapter_sketch.json is torn or no sketch of this grader:")
    assert why == {
        "a1": "no adapter was admitted",
        "b1": "its delta W is 0: it does not change the base model",
        "c1": "it has no sketch in its evidence; give the weights with --adapters",
        "e1": UNTRUE,
    }
    assert (found.compared, found.pairs, found.baseline) == (1, (), None)
    with_weights = compared(tmp_path / "run", folder=weights / "run")
    assert {one.submission for one in with_weights.left_out} == {"a1", "b1", "d1"}
    assert with_weights.pairs[0].same_file


def test_other_weights_than_graded_are_refused(add: AddOne, tmp_path: Path, weights: Path) -> None:
    add("a1", adapter=make(1))
    (weights / "run" / "a1" / "adapter_model.safetensors").write_bytes(b"another")
    (left,) = compared(tmp_path / "run", folder=weights / "run").left_out
    assert left.why == f"the weights in {weights / 'run' / 'a1'} are not those that were graded"


def test_exact_without_weights_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match="--exact needs the weights"):
        compared(run, exactly=True)
