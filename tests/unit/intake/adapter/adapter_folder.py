"""A good adapter for a small base model, ways to spoil it, and what the gate says of it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS, AdapterVerdict, check_adapter
from harness.intake.adapter.safetensors import read_header
from harness.model.assignment import AdapterRules

WriteWeights = Callable[[Path, Mapping[str, tuple[str, list[int]]]], Path]
Tensors = dict[str, tuple[str, list[int]]]

RULES = AdapterRules(path="adapter_checkpoint", max_bytes=20_000, max_rank=8, target_modules=("q_proj", "up_proj"))
LARGE = AdapterRules(path="adapter_checkpoint", max_bytes=100_000_000, max_rank=8, target_modules=("q_proj", "up_proj"))
LAYER = {"self_attn.q_proj": (16, 8), "mlp.up_proj": (24, 8), "mlp.down_proj": (8, 24)}
BASE = BaseShapes(
    modules={f"model.layers.{n}.{module}": shape for n in (0, 1) for module, shape in LAYER.items()}
    | {"lm_head": (64, 8)}
)
RANK = 4


def tensor_name(module: str, side: str) -> str:
    return f"base_model.model.{module}.lora_{side}.weight"


def tensors(*, rank: int = RANK, dtype: str = "BF16", targets: tuple[str, ...] = ("q_proj", "up_proj")) -> Tensors:
    made: Tensors = {}
    for module, (out_features, in_features) in BASE.modules.items():
        if module.endswith(targets):
            made[tensor_name(module, "A")] = (dtype, [rank, in_features])
            made[tensor_name(module, "B")] = (dtype, [out_features, rank])
    return made


def config(**changes: object) -> dict[str, Any]:
    """The config that peft 0.21 writes, with changes."""
    return {
        "alora_invocation_tokens": None,
        "alpha_pattern": {},
        "auto_mapping": None,
        "base_model_name_or_path": "/data/models/Tiny-Base/",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layers_to_transform": None,
        "loftq_config": {},
        "lora_alpha": 8,
        "lora_dropout": 0.1,
        "megatron_core": "megatron.core",
        "modules_to_save": None,
        "peft_type": "LORA",
        "qalora_group_size": 16,
        "r": RANK,
        "rank_pattern": {},
        "target_modules": ["up_proj", "q_proj"],
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
        **changes,
    }


def check(
    folder: Path, *, rules: AdapterRules = RULES, base: BaseShapes = BASE, base_name: str = "tiny-base"
) -> AdapterVerdict:
    verdict = check_adapter(folder, rules=rules, base=base, base_name=base_name)
    assert (verdict.config is None) == bool(verdict.findings)
    assert all(str(folder) not in one.seen for one in verdict.findings)
    return verdict


def one(folder: Path, code: str) -> tuple[str, str]:
    """Check that there is one finding and give what was seen and the limit."""
    (finding,) = check(folder).findings
    assert finding.code == code
    assert finding.fix
    return finding.seen, finding.limit


def with_config(folder: Path, **changes: object) -> Path:
    (folder / CONFIG).write_text(json.dumps(config(**changes)))
    return folder


def with_data(folder: Path, name: str, data: bytes) -> Path:
    tensor = read_header(folder / WEIGHTS).tensors[name]
    with (folder / WEIGHTS).open("r+b") as file:
        file.seek(tensor.begin)
        file.write(data)
    return folder


Q0 = "model.layers.0.self_attn.q_proj"
