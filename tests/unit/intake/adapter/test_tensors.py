"""Tensors are held against the base model and the config: each way not to fit is named."""

import time
from pathlib import Path

import pytest

from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.gate import WEIGHTS
from harness.model.assignment import AdapterRules

from .adapter_folder import (
    BASE,
    LARGE,
    Q0,
    Tensors,
    WriteWeights,
    check,
    one,
    tensor_name,
    tensors,
    with_config,
    with_data,
)


def test_what_patterns_would_tell_is_written_from_the_tensors(folder: Path, write_weights: WriteWeights) -> None:
    made = {name: one for name, one in tensors().items() if "layers.1" not in name}
    made |= {name: one for name, one in tensors(rank=2).items() if "layers.1.self_attn" in name}
    write_weights(folder / WEIGHTS, made)
    changes = {"exclude_modules": [r".*layers\.1\.mlp.*"], "rank_pattern": {r".*layers\.1\..*": 2}}
    verdict = check(with_config(folder, **changes))
    assert verdict.config is not None
    assert verdict.config["target_modules"] == [
        "model.layers.0.mlp.up_proj",
        "model.layers.0.self_attn.q_proj",
        "model.layers.1.self_attn.q_proj",
    ]
    assert verdict.config["rank_pattern"] == {"model.layers.1.self_attn.q_proj": 2}
    assert "exclude_modules" not in verdict.config


def test_layers_pattern_tells_which_number_is_the_layer(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, {name: one for name, one in tensors().items() if "layers.1" in name})
    verdict = check(with_config(folder, layers_to_transform=[1], layers_pattern="layers"))
    assert verdict.config is not None
    assert verdict.config["target_modules"] == ["model.layers.1.mlp.up_proj", "model.layers.1.self_attn.q_proj"]
    assert verdict.config["layers_to_transform"] is None
    seen, _ = one(with_config(folder, layers_to_transform=[0, 1], layers_pattern="layers"), "ADM010")
    assert seen.startswith("no tensors for modules that the config names: `model.layers.0.mlp.up_proj`")


def test_rank_that_no_key_of_the_pattern_gives_is_refused(folder: Path) -> None:
    seen, limit = one(with_config(folder, r=2, rank_pattern={".*q_proj": 3}), "ADM010")
    assert seen.startswith("rank 4 in the tensors of `model.layers.0.mlp.up_proj`")
    assert limit == "rank 2 or 3 in the config"


@pytest.mark.slow
def test_header_of_far_too_many_tensors_is_one_finding_and_quick(folder: Path, write_weights: WriteWeights) -> None:
    base = BaseShapes(modules={f"model.layers.{n}.self_attn.q_proj": (16, 8) for n in range(1000)})
    for many, code, why in ((12_000, "ADM008", "12000 tensors"), (106_000, "ADM007", "at most 2000000 are read")):
        write_weights(
            folder / WEIGHTS, {tensor_name(f"model.layers.{n}.q_proj", "A"): ("F32", [0]) for n in range(many)}
        )
        begin = time.process_time()
        (finding,) = check(folder, base=base, rules=LARGE).findings
        assert time.process_time() - begin < 3
        assert finding.code == code
        assert why in finding.seen


def test_header_of_as_many_tensors_as_are_looked_at_is_quick(folder: Path, write_weights: WriteWeights) -> None:
    base = BaseShapes(modules={f"model.layers.{n}.self_attn.q_proj": (16, 8) for n in range(1500)})
    made = {tensor_name(f"model.layers.{n}.q_proj", "A"): ("F32", [0]) for n in range(12_000)}
    write_weights(folder / WEIGHTS, made)
    begin = time.process_time()
    assert {finding.code for finding in check(folder, base=base, rules=LARGE).findings} == {"ADM008", "ADM010"}
    assert time.process_time() - begin < 3


def test_all_linear_is_resolved_from_the_tensors(folder: Path) -> None:
    verdict = check(with_config(folder, target_modules="all-linear"))
    assert verdict.config is not None
    assert verdict.config["target_modules"] == ["q_proj", "up_proj"]


def test_all_linear_that_covers_a_part_of_the_layers_is_refused(folder: Path, write_weights: WriteWeights) -> None:
    some = {name: tensor for name, tensor in tensors().items() if "layers.1.self_attn" not in name}
    write_weights(folder / WEIGHTS, some)
    seen, _ = one(with_config(folder, target_modules="all-linear"), "ADM010")
    assert seen == "no tensors for modules that the config names: `model.layers.1.self_attn.q_proj`"


@pytest.mark.parametrize("name", ["lm_head.weight", "model.embed_tokens.weight", "lm_head.modules_to_save.weight"])
def test_head_and_embeddings_are_refused_on_purpose(folder: Path, write_weights: WriteWeights, name: str) -> None:
    write_weights(folder / WEIGHTS, tensors() | {f"base_model.model.{name}": ("BF16", [64, 8])})
    (finding,) = check(folder).findings
    assert finding.code == "ADM008"
    assert "save_embedding_layers=False" in finding.fix
    assert "lm_head and embed_tokens stay those of the base model" in finding.fix


def test_all_linear_with_a_module_that_is_not_allowed(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, tensors(targets=("q_proj", "down_proj")))
    seen, limit = one(with_config(folder, target_modules="all-linear"), "ADM006")
    assert (seen, limit) == ("tensors for the modules `down_proj`", "a list out of q_proj, up_proj")


def test_tensors_of_another_base(folder: Path) -> None:
    base = BaseShapes(modules={name: (out, 10) for name, (out, _) in BASE.modules.items()})
    (finding,) = check(folder, base=base).findings
    assert finding.code == "ADM008"
    assert finding.seen == (
        "`model.layers.0.mlp.up_proj`, `model.layers.0.self_attn.q_proj`, `model.layers.1.mlp.up_proj` and 1 more: "
        "lora_A is [4, 8] and lora_B [24, 4] in the first"
    )
    assert finding.limit == "[rank, 10] and [24, rank] there"


@pytest.mark.parametrize(
    ("changes", "gone", "code", "seen"),
    [
        ({tensor_name("model.layers.9.mlp.up_proj", side): ("BF16", [4, 4]) for side in "AB"}, "", "ADM008",
         "modules that the base model does not have: `model.layers.9.mlp.up_proj`"),
        ({"lm_head.weight": ("BF16", [64, 8])}, "", "ADM008", "tensors that are no LoRA weights: `lm_head.weight`"),
        ({f"base_model.model.{Q0}.lora_A.default.weight": ("BF16", [4, 8])}, "", "ADM008",
         f"tensors that are no LoRA weights: `base_model.model.{Q0}.lora_A.default.weight`"),
        ({}, tensor_name(Q0, "B"), "ADM008", f"modules with only one of lora_A and lora_B: `{Q0}`"),
        ({tensor_name(Q0, "A"): ("BF16", [4, 8, 1])}, "", "ADM008",
         f"`{Q0}`: lora_A is [4, 8, 1] and lora_B [16, 4] in the first"),
        ({tensor_name(Q0, "A"): ("BF16", [3, 8])}, "", "ADM008",
         f"`{Q0}`: lora_A is [3, 8] and lora_B [16, 4] in the first"),
        ({tensor_name(Q0, "A"): ("F64", [4, 8])}, "", "ADM006", f"tensors in F64: `{tensor_name(Q0, 'A')}`"),
        ({tensor_name(Q0, "A"): ("BF16", [2, 8]), tensor_name(Q0, "B"): ("BF16", [16, 2])}, "", "ADM010",
         f"rank 2 in the tensors of `{Q0}`"),
        ({tensor_name("model.layers.0.mlp.down_proj", "A"): ("BF16", [4, 24]),
          tensor_name("model.layers.0.mlp.down_proj", "B"): ("BF16", [8, 4])}, "", "ADM010",
         "tensors for modules that the config does not name: `model.layers.0.mlp.down_proj`"),
        ({}, f"base_model.model.{Q0}.", "ADM010", f"no tensors for modules that the config names: `{Q0}`"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(
    folder: Path, write_weights: WriteWeights, changes: Tensors, gone: str, code: str, seen: str
) -> None:
    made = {name: tensor for name, tensor in (tensors() | changes).items() if not gone or not name.startswith(gone)}
    write_weights(folder / WEIGHTS, made)
    assert one(folder, code)[0] == seen


def test_file_without_lora_weights(folder: Path, write_weights: WriteWeights) -> None:
    write_weights(folder / WEIGHTS, {})
    findings = check(folder).findings
    assert [finding.code for finding in findings] == ["ADM008", "ADM010"]
    assert findings[0].seen == "the file holds no LoRA weights"


def test_target_that_the_base_does_not_have(folder: Path) -> None:
    rules = AdapterRules(path="a", max_bytes=20_000, max_rank=8, target_modules=("q_proj", "up_proj", "x_proj"))
    (finding,) = check(with_config(folder, target_modules=["q_proj", "up_proj", "x_proj"]), rules=rules).findings
    assert (finding.code, finding.seen) == ("ADM010", "`target_modules` that the base model does not have: `x_proj`")


def test_layers_that_the_config_leaves_out(folder: Path) -> None:
    seen, _ = one(with_config(folder, layers_to_transform=0), "ADM010")
    assert seen.startswith("tensors for modules that the config does not name: `model.layers.1.mlp.up_proj`")


def test_rank_pattern_counts(folder: Path) -> None:
    seen, limit = one(with_config(folder, rank_pattern={"layers.0.mlp.up_proj": 2}), "ADM010")
    assert (seen, limit) == ("rank 4 in the tensors of `model.layers.0.mlp.up_proj`", "rank 2 in the config")


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_values_that_are_not_finite(folder: Path, write_weights: WriteWeights, dtype: str) -> None:
    infinity = {"BF16": b"\x80\x7f", "F16": b"\x00\x7c", "F32": b"\x00\x00\x80\x7f"}[dtype]
    write_weights(folder / WEIGHTS, tensors(dtype=dtype))
    with_data(folder, tensor_name(Q0, "B"), infinity * 3)
    assert one(folder, "ADM009")[0] == f"3 values in 1 tensors: `{tensor_name(Q0, 'B')}`"
