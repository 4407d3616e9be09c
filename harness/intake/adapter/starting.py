"""Writes an adapter that changes nothing: LoRA with B = 0, the state in which training starts. Needs no torch.

A submission with it passes, and scores as the base model does.
"""

import json
import math
import random
from array import array
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError
from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.gate import WEIGHTS
from harness.model.assignment import AdapterRules

RANK = 4
_BF16_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingAdapter:
    """What was written: the rank, and the modules that have factors, such as `q_proj`."""

    rank: int
    targets: tuple[str, ...]


def write_starting_adapter(
    folder: Path,
    *,
    rules: AdapterRules,
    base: BaseShapes,
    base_name: str,
    rank: int = RANK,
    targets: tuple[str, ...] | None = None,
) -> StartingAdapter:
    """Write config and weights to `folder`, which is made.

    Args:
        folder: Where to.
        rules: The assignment's limits: a rank above theirs is cut to it.
        base: Shapes of the base model.
        base_name: Its name.
        rank: Inner size of the factors.
        targets: Modules by the last part of their names; None: the first that rules allow and the base model has.

    Raises:
        ConfigError: The base model has none of the modules that the assignment allows.
    """
    rank = min(rank, rules.max_rank)
    targets = targets or _first_target(rules, base)
    modules = {name: shape for name, shape in base.modules.items() if name.rpartition(".")[2] in targets}
    folder.mkdir(parents=True)
    config = {
        "base_model_name_or_path": base_name,
        "bias": "none",
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": list(targets),
        "task_type": "CAUSAL_LM",
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _write_weights(folder / WEIGHTS, modules, rank)
    return StartingAdapter(rank=rank, targets=targets)


def _first_target(rules: AdapterRules, base: BaseShapes) -> tuple[str, ...]:
    there = {name.rpartition(".")[2] for name in base.modules}
    for target in rules.target_modules:
        if target in there:
            return (target,)
    raise ConfigError(
        f"The base model has none of the modules {', '.join(rules.target_modules)}.",
        remedy="Give the folder of a base model that the assignment names.",
    )


def _write_weights(path: Path, modules: dict[str, tuple[int, int]], rank: int) -> None:
    """Write the factors in bf16: A drawn as peft draws it, uniform in +-1/sqrt(in), B zero."""
    shapes: dict[str, tuple[int, int]] = {}
    for name, (out_features, in_features) in sorted(modules.items()):
        shapes[f"base_model.model.{name}.lora_A.weight"] = (rank, in_features)
        shapes[f"base_model.model.{name}.lora_B.weight"] = (out_features, rank)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * _BF16_BYTES
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight, as safetensors itself writes them
    draw = random.Random(0)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            count = math.prod(shape)
            file.write(_drawn(draw, count, 1 / math.sqrt(shape[1])) if "lora_A" in name else bytes(count * _BF16_BYTES))


def _drawn(draw: random.Random, count: int, bound: float) -> bytes:
    """Give so many numbers in bf16, the upper half of a float32, little-endian as safetensors wants it."""
    floats = array("f", (draw.uniform(-bound, bound) for _ in range(count)))
    if floats.itemsize != 4:
        raise AssertionError("a C float has four bytes wherever Python runs")
    words = array("H", floats.tobytes())
    return words[1::2].tobytes()
