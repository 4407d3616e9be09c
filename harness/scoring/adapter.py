"""Reads an adapter's folder and says what goes beside which layer. Knows peft's rules; no student, no base weights.

Which layers a config means, and with which rank and scale, is asked of peft's own functions, so that it is what peft
would do; but no module is injected, and nothing of the file reaches peft beyond a whitelist of settings.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from harness.language import Message, message, verbatim
from harness.scoring.refusal import AdapterError

PREFIX = "base_model.model."  # what peft's save_pretrained puts before every name
ALL_LINEAR = "all-linear"
MOST_ALPHA = 65_536  # what the gate admits as well
# What of an adapter_config.json reaches peft. All else keeps peft's default, dropout 0; a setting that adds tensors
# (DoRA, biases, modules_to_save) then fails the check that every tensor was used.
FIELDS = (
    "r", "lora_alpha", "target_modules", "exclude_modules", "rank_pattern", "alpha_pattern", "use_rslora",
    "layers_to_transform", "layers_pattern",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShape:
    """Features of a linear layer; `is_head` where it makes the logits, which `all-linear` leaves out."""

    in_features: int
    out_features: int
    is_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerUpdate:
    """What goes beside one layer: ``s B A`` with `a` (rank, in), `b` (out, rank)."""

    a: Tensor
    b: Tensor
    scale: float


def read_adapter(folder: Path, layers: Mapping[str, LayerShape]) -> dict[str, LayerUpdate]:
    """Read an adapter for a base model.

    Args:
        folder: Has `adapter_config.json` and `adapter_model.safetensors`.
        layers: The base model's linear layers by name.

    Returns:
        What goes beside which layer. The tensors are backed by the file.

    Raises:
        AdapterError: Not readable, or it does not fit: a tensor is missing, left over or of another shape.
    """
    config = _config(folder)
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in _tensors(folder).items()}
    try:
        targets = [name for name in layers if _is_target(config, name, layers[name])]
        ranks = {name: _pattern(config.rank_pattern, name, config.r) for name in targets}
        alphas = {name: _pattern(config.alpha_pattern, name, config.lora_alpha) for name in targets}
    except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
        raise _unfit(verbatim(first_line(error))) from error
    if not targets:
        raise _unfit(
            message("no linear layer is named by target_modules, saw {seen}", seen=_shown(config.target_modules))
        )
    _check_numbers(ranks, alphas)
    _check_tensors({name: layers[name] for name in targets}, ranks, tensors)
    return {
        name: LayerUpdate(
            a=tensors[f"{name}.lora_A.weight"],
            b=tensors[f"{name}.lora_B.weight"],
            scale=alphas[name] / (math.sqrt(ranks[name]) if config.use_rslora else ranks[name]),
        )
        for name in targets
    }


def first_line(error: BaseException) -> str:
    """Give the start of a library's message: it may run over many lines."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def _is_target(config: LoraConfig, name: str, shape: LayerShape) -> bool:
    targets = config.target_modules
    if isinstance(targets, str) and targets.lower() == ALL_LINEAR:
        return not shape.is_head
    return bool(check_target_module_exists(config, name))


def _pattern(pattern: Mapping[str, float], name: str, default: float) -> float:
    return pattern.get(get_pattern_key(pattern.keys(), name), default)


def _check_numbers(ranks: Mapping[str, object], alphas: Mapping[str, object]) -> None:
    for name in ranks:
        rank, alpha = ranks[name], alphas[name]
        if type(rank) is not int or rank < 1:
            raise _unfit(
                message("the rank of {name} must be a whole number from 1, saw {seen}", name=name, seen=_shown(rank))
            )
        if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not 0 <= alpha <= MOST_ALPHA:
            raise _unfit(
                message(
                    "lora_alpha of {name} must be a number from 0 to {most}, saw {seen}",
                    name=name,
                    most=MOST_ALPHA,
                    seen=_shown(alpha),
                )
            )


def _check_tensors(shapes: Mapping[str, LayerShape], ranks: Mapping[str, float], tensors: Mapping[str, Tensor]) -> None:
    """Hold the file's tensors against those that config and base model ask for: none missing, none left over."""
    expected: dict[str, list[float]] = {}
    for name, shape in shapes.items():
        expected[f"{name}.lora_A.weight"] = [ranks[name], shape.in_features]
        expected[f"{name}.lora_B.weight"] = [shape.out_features, ranks[name]]
    missing, foreign = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing:
        raise AdapterError(
            message(
                "{count} tensors that the config asks for are missing, such as {name}",
                count=len(missing),
                name=min(missing),
            )
        )
    if foreign:
        raise AdapterError(
            message(
                "{count} tensors have no place in the model, such as {name}",
                count=len(foreign),
                name=min(foreign)[:200],
            )
        )
    for name, wanted in expected.items():
        seen = list(tensors[name].shape)
        if seen != wanted:
            raise AdapterError(
                message(
                    "{name} has the shape {seen}, config and base model ask for {wanted}",
                    name=name,
                    seen=str(seen),
                    wanted=str(wanted),
                )
            )


def _config(folder: Path) -> LoraConfig:
    """Build the config from the whitelisted fields, never from the file as it is."""
    try:
        fields = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        if not isinstance(fields, dict) or fields.get("peft_type") != "LORA":
            raise AdapterError(message("adapter_config.json does not describe a LoRA adapter (peft_type LORA)"))
        kept = {name: fields[name] for name in FIELDS if fields.get(name) is not None}
        return LoraConfig(**kept, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM", inference_mode=True)
    except (OSError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise AdapterError(message("adapter_config.json cannot be used: {reason}", reason=first_line(error))) from error


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / "adapter_model.safetensors"
    if not path.is_file():
        raise AdapterError(message("{file} is missing", file=path.name))
    try:
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    except (OSError, SafetensorError, ValueError) as error:
        raise AdapterError(
            message("adapter_model.safetensors cannot be read: {reason}", reason=first_line(error))
        ) from error


def _unfit(why: Message) -> AdapterError:
    return AdapterError(message("the adapter does not fit the base model: {reason}", reason=why))


def _shown(value: object) -> str:
    shown = sorted(map(str, value)) if isinstance(value, Collection) and not isinstance(value, str) else value
    return repr(shown)[:120]
