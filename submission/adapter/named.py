"""Says which modules the config of an adapter names, and of which rank each may be, as the grader reads it. Pure.

Must not know the tensors. A key of rank_pattern that is no plain name is not matched: its rank may be any module's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapter.config_rules import PLAIN_NAME


def ranks_of(config: Mapping[str, Any], module: str) -> list[int]:
    """Give the ranks that a module may be of: that of the first key which ends its name, else r."""
    pattern = config.get("rank_pattern")
    pattern = pattern if isinstance(pattern, dict) else {}
    plain = {key: rank for key, rank in pattern.items() if PLAIN_NAME.fullmatch(key)}
    first = next((rank for key, rank in plain.items() if _is_key(key, module)), config["r"])
    return [first] if len(plain) == len(pattern) else [first, config["r"], *pattern.values()]


def layers_of(config: Mapping[str, Any]) -> list[Any] | None:
    """Give the layers that get an adapter; None is all of them. Layer 0 is one, too."""
    layers = config.get("layers_to_transform")
    if layers in (None, []):
        return None
    return layers if isinstance(layers, list) else [layers]


def is_covered(config: Mapping[str, Any], module: str) -> bool:
    """Tell whether a module lies in one of the layers that get an adapter."""
    layers = layers_of(config)
    return layers is None or _layer(module, config.get("layers_pattern")) in layers


def is_ending(ending: str, module: str) -> bool:
    """Tell whether `ending` is a module's name or its last parts."""
    return module == ending or module.endswith("." + ending)


def _is_key(key: str, module: str) -> bool:
    return module == key[1:] if key.startswith("^") else is_ending(key, module)


def _layer(module: str, patterns: Any) -> int | None:
    """Give the first part that is a number, or the first behind a pattern; none of these starts with None."""
    patterns = [one for one in (patterns if isinstance(patterns, list) else [patterns]) if isinstance(one, str) and one]
    parts = module.split(".")
    for pattern in patterns or [""]:
        for at, part in enumerate(parts):
            if part.isdecimal() and (not pattern or is_ending(pattern, ".".join(parts[:at]))):
                return int(part)
    return None
