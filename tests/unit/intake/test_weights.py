"""Weights that lie in a submission before its download.sh has run."""

from pathlib import Path

import pytest

from harness.intake.weights import find_weights, weights_apart
from harness.model.assignment import AdapterRules

RULES = AdapterRules(path="out/adapter", max_bytes=1000, max_rank=8, target_modules=("q_proj",))


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * 1_234_567)
    return root


def test_weights_where_the_assignment_looks_are_named(tmp_path: Path) -> None:
    (found,) = find_weights(fill(tmp_path, "run.sh", "out/adapter/adapter_model.safetensors"), RULES)
    assert (found.code, found.severity, found.seen) == (
        "INT008",
        "warning",
        "`out/adapter/adapter_model.safetensors` (1.2 MB)",
    )
    assert found.limit == "no weights: download.sh fetches them"
    assert found.where is not None and found.where.path == "out/adapter/adapter_model.safetensors"


def test_nothing_is_said_where_download_sh_has_something_to_do(tmp_path: Path) -> None:
    names = ("run.sh", "out/adapter/adapter_config.json", "out/adapter_model.safetensors")
    assert list(find_weights(fill(tmp_path, *names), RULES)) == []


@pytest.mark.parametrize("wrapper", [".", "r13921031"])
def test_weights_of_a_draft_are_found_in_its_root(tmp_path: Path, wrapper: str) -> None:
    fill(tmp_path / wrapper, "run.sh", "out/adapter/adapter_config.json")
    weights = tmp_path / wrapper / "out/adapter/adapter_model.safetensors"
    assert weights_apart(tmp_path, RULES) is None
    weights.write_bytes(b"x" * 4000)
    assert weights_apart(tmp_path, RULES) == weights.relative_to(tmp_path)
    weights.write_bytes(b"x" * 4001)
    assert weights_apart(tmp_path, RULES) is None, "the gate would not read it: it is no adapter of this assignment"
