"""The adapter that changes nothing: the gate admits it, and every B is zero."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.claim import claimed_base
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS
from harness.intake.adapter.safetensors import read_header
from harness.intake.adapter.starting import write_starting_adapter

from .adapter_folder import BASE, LARGE, RULES, check


def test_the_gate_admits_it(tmp_path: Path) -> None:
    made = write_starting_adapter(tmp_path / "adapter", rules=RULES, base=BASE, base_name="tiny-base")
    assert (made.rank, made.targets) == (4, ("q_proj",))
    verdict = check(tmp_path / "adapter")
    assert verdict.config is not None and (verdict.config["r"], verdict.config["lora_alpha"]) == (4, 8)
    header = read_header(tmp_path / "adapter" / WEIGHTS)
    assert {one.dtype for one in header.tensors.values()} == {"BF16"}
    content = (tmp_path / "adapter" / WEIGHTS).read_bytes()
    zero = {name: not any(content[one.begin : one.end]) for name, one in header.tensors.items()}
    assert zero == {
        f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{side}.weight": side == "B"
        for layer in (0, 1)
        for side in "AB"
    }


def test_its_values_are_small_and_the_same_each_time(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    for folder in (first, again):
        write_starting_adapter(folder, rules=RULES, base=BASE, base_name="tiny-base")
    content = (first / WEIGHTS).read_bytes()
    assert content == (again / WEIGHTS).read_bytes()
    header = read_header(first / WEIGHTS)
    for name, one in header.tensors.items():
        exponents = [(content[at + 1] & 0x7F) << 1 | content[at] >> 7 for at in range(one.begin, one.end, 2)]
        assert ("lora_B" in name) == (max(exponents) == 0)
        assert max(exponents) < 127, "the bound is 1/sqrt(8), so each is below a half"


def test_several_modules_and_a_rank_above_the_rules(tmp_path: Path) -> None:
    targets = ("q_proj", "up_proj")
    made = write_starting_adapter(
        tmp_path / "adapter", rules=LARGE, base=BASE, base_name="tiny-base", rank=64, targets=targets
    )
    assert (made.rank, made.targets) == (8, targets)
    assert check(tmp_path / "adapter", rules=LARGE).config is not None


def test_a_base_without_such_modules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none of the modules q_proj, up_proj"):
        write_starting_adapter(
            tmp_path / "adapter", rules=RULES, base=BaseShapes(modules={"h.0.c_attn": (8, 8)}), base_name="x"
        )
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"base_model_name_or_path": "/models/Qwen3-4B/"}', "Qwen3-4B"),
        ('{"base_model_name_or_path": "Qwen/Qwen3-4B"}', "Qwen3-4B"),
        ('{"base_model_name_or_path": 7}', None),
        ("[]", None),
        ("{", None),
        ("[" * 100_000, None),
        (None, None),
    ],
)
def test_which_base_an_adapter_names(tmp_path: Path, text: str | None, name: str | None) -> None:
    if text is not None:
        (tmp_path / CONFIG).write_text(text)
    assert claimed_base(tmp_path) == name
