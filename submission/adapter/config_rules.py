"""Judges the text of adapter_config.json by what the course takes: plain LoRA within the limits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import limits

_MAX_ALPHA = 65_536
_MAX_ENTRIES = 2000
PLAIN_NAME = re.compile(r"\^?[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_HUB_CACHE = re.compile(r"models--(?:[^/]*--)?(?P<name>[^/]+)")
# Initialisations that leave the base model's weights as they are.
_INITS = (None, True, False, "gaussian", "orthogonal", "eva")
# What is judged below, or has no effect on an adapter that is loaded to be scored.
_KNOWN = frozenset(
    (
        *("peft_type", "task_type", "auto_mapping", "base_model_name_or_path", "r", "lora_alpha", "target_modules"),
        *("bias", "use_rslora", "rank_pattern", "alpha_pattern", "init_lora_weights", "layers_to_transform"),
        *("exclude_modules", "layers_pattern", "megatron_core", "peft_version", "revision", "inference_mode"),
        *("lora_dropout", "eva_config", "runtime_config", "ensure_weight_tying", "qalora_group_size"),
    )
)


def config_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Name what the course does not take."""
    if config.get("peft_type") != "LORA":
        yield f"peft_type is {_shown(config.get('peft_type'))}; it must be LORA"
    name = config.get("base_model_name_or_path")
    if not isinstance(name, str) or not is_taken(name):
        yield f"trained on {_shown(name)}; the course's base models are {', '.join(limits.BASE_MODELS)}"
    yield from _numbers(config)
    yield from _targets(config.get("target_modules"))
    yield from _kinds(config)
    for name, value in config.items():
        if name not in _KNOWN and value:
            yield f"{_shown(name)} is {_shown(value)}; train without it: a plain LoRA adapter is taken"


def is_taken(base: str) -> bool:
    """Tell whether the course takes adapters of a base, given by its path or name on the hub."""
    return _model_name(base).lower() in [one.lower() for one in limits.BASE_MODELS]


def _model_name(path: str) -> str:
    """Give the last part of a path or hub name; in a hub cache, the model that the path is of."""
    parts = [part for part in path.replace("\\", "/").split("/") if part]
    cached = [match["name"] for part in parts if (match := _HUB_CACHE.fullmatch(part))]
    return (cached[:1] or parts[-1:] or [""])[0]


def _numbers(config: Mapping[str, Any]) -> Iterator[str]:
    if not _is_rank(config.get("r")):
        yield f"r is {_shown(config.get('r'))}; it must be a whole number from 1 to {limits.MAX_RANK}"
    if not _is_alpha(config.get("lora_alpha")):
        yield f"lora_alpha is {_shown(config.get('lora_alpha'))}; it must be above 0 and at most {_MAX_ALPHA}"
    for name, fits in (("rank_pattern", _is_rank), ("alpha_pattern", _is_alpha)):
        pattern = config.get(name) or {}
        if not isinstance(pattern, dict) or len(pattern) > _MAX_ENTRIES or not all(map(fits, pattern.values())):
            yield f"{name} is {_shown(pattern)}; its values must be like {'r' if name == 'rank_pattern' else 'alpha'}"
        elif name == "alpha_pattern" and not all(PLAIN_NAME.fullmatch(key) for key in pattern):
            yield f"{name} is {_shown(pattern)}; its keys must be plain names of modules"


def _targets(targets: Any) -> Iterator[str]:
    wanted = f"a list out of {', '.join(limits.TARGET_MODULES)}"
    if isinstance(targets, str) and targets.lower() == "all-linear":
        return
    if not isinstance(targets, list) or not targets or len(targets) > _MAX_ENTRIES:
        yield f"target_modules is {_shown(targets)}; it must be {wanted}"
        return
    bad = [one for one in targets if not isinstance(one, str) or not PLAIN_NAME.fullmatch(one) or one.startswith("^")]
    bad += [one for one in targets if one not in bad and one.rpartition(".")[2] not in limits.TARGET_MODULES]
    if bad:
        yield f"target_modules names {_shown(bad)}; it must be {wanted}"


def _kinds(config: Mapping[str, Any]) -> Iterator[str]:
    for name, allowed in (
        ("task_type", (None, "CAUSAL_LM")),
        ("bias", (None, "none")),
        ("use_rslora", (None, True, False)),
        ("init_lora_weights", _INITS),
        ("megatron_core", (None, "megatron.core")),
    ):
        value = config.get(name)
        if not any(value is one or (isinstance(one, str) and value == one) for one in allowed):
            yield f"{name} is {_shown(value)}; it must be one of {', '.join(map(str, allowed))}"
    mapping = config.get("auto_mapping")
    library = mapping.get("parent_library") if isinstance(mapping, dict) else None
    if mapping not in (None, {}) and not (
        isinstance(library, str) and re.fullmatch(r"transformers(?:\.\w+)*", library)
    ):
        yield f"auto_mapping is {_shown(mapping)}; it must be null"
    layers = config.get("layers_to_transform")
    many = layers if isinstance(layers, list) else [layers]
    if layers is not None and (len(many) > _MAX_ENTRIES or not all(_is_layer(one) for one in many)):
        yield f"layers_to_transform is {_shown(layers)}; it must be null or numbers of layers"
    patterns = config.get("layers_pattern") or []
    patterns = patterns if isinstance(patterns, list) else [patterns]
    plain = all(isinstance(one, str) and PLAIN_NAME.fullmatch(one) and not one.startswith("^") for one in patterns)
    if len(patterns) > 8 or not plain:
        yield f"layers_pattern is {_shown(patterns)}; it must be null or plain names"
    excluded = config.get("exclude_modules") or []
    excluded = excluded if isinstance(excluded, list) else [excluded]
    if not all(isinstance(one, str) and one for one in excluded):
        yield f"exclude_modules is {_shown(excluded)}; it must be null or names"


def _is_rank(value: Any) -> bool:
    return type(value) is int and 1 <= value <= limits.MAX_RANK


def _is_alpha(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MAX_ALPHA


def _is_layer(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_ENTRIES


def _shown(value: Any) -> str:
    try:
        return ascii(value)[:80]
    except RecursionError:
        return "a deep value"
