"""A LoRA config that was checked, and the sanitised file made of it. Pure; `config` judges.

No pattern that a student wrote is ever matched. What only one could tell is taken from the tensors: where a rank is
given by a pattern, or modules are excluded, the sanitised file names each module that has tensors, and its rank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from harness.language import Message, message, verbatim


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """What of the config matters, checked.

    Attributes:
        targets: Names or endings of module names; None is `all-linear`.
        layers: Layers that the adapter covers; None is all.
        layers_pattern: What stands before a layer's number; empty is anything.
        rank_pattern: Rank by ending of a module's name, or by its whole name behind a `^`.
        alpha_pattern: The same of alpha.
        unread_ranks: Ranks that `rank_pattern` gave under keys that are patterns.
        excludes: Whether it has `exclude_modules`.
    """

    rank: int
    alpha: float
    targets: tuple[str, ...] | None
    layers: tuple[int, ...] | None
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    use_rslora: bool
    layers_pattern: tuple[str, ...] = ()
    unread_ranks: frozenset[int] = frozenset()
    excludes: bool = False

    def rank_of(self, module: str) -> int:
        """Give the rank of a module: of the pattern the first entry that ends its name, as in peft."""
        return next((rank for key, rank in self.rank_pattern.items() if _is_key(key, module)), self.rank)

    def gives(self, module: str, rank: int) -> bool:
        """Tell whether the config gives this module this rank, or may: which modules a pattern means is not known."""
        return rank == self.rank_of(module) or rank in self.unread_ranks

    def shown_rank_of(self, module: str) -> Message:
        """Say which ranks `gives` allows."""
        ranks = (verbatim(str(rank)) for rank in sorted({self.rank_of(module), *self.unread_ranks}))
        return reduce(lambda one, other: message("{one} or {other}", one=one, other=other), ranks)

    def names(self, module: str) -> bool:
        """Tell whether the config gives this module an adapter."""
        if self.layers is not None and _layer(module, self.layers_pattern) not in self.layers:
            return False
        return self.targets is None or any(is_ending(target, module) for target in self.targets)

    def sanitised(self, *, base_name: str, ranks: Mapping[str, int]) -> dict[str, object]:
        """Make the config to load the adapter with.

        Args:
            base_name: Name of the assignment's base model.
            ranks: Rank of each module, from the tensors.
        """
        by_name = self.excludes or bool(self.layers_pattern)
        layers = None if self.layers is None or by_name else list(self.layers)
        rank_pattern = dict(self.rank_pattern)
        if self.unread_ranks:
            rank_pattern = {module: rank for module, rank in ranks.items() if rank != self.rank}
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base_name,
            "inference_mode": True,
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": 0.0,
            "target_modules": sorted(ranks if by_name else self.targets or ()),
            "layers_to_transform": layers,
            "rank_pattern": rank_pattern,
            "alpha_pattern": dict(self.alpha_pattern),
            "use_rslora": self.use_rslora,
            "use_dora": False,
            "bias": "none",
            "fan_in_fan_out": False,
            "modules_to_save": None,
            "init_lora_weights": True,
            "auto_mapping": None,
            "revision": None,
        }


def is_ending(ending: str, module: str) -> bool:
    """Tell whether `ending` is a module's name or its last parts."""
    return module == ending or module.endswith("." + ending)


def _is_key(key: str, module: str) -> bool:
    return module == key[1:] if key.startswith("^") else is_ending(key, module)


def _layer(module: str, patterns: tuple[str, ...]) -> int | None:
    """Give the number of the layer that a module lies in, as peft takes it.

    It is the first part that is a number; with patterns, the first behind the first of them that there is one behind.
    """
    parts = module.split(".")
    for pattern in patterns or ("",):
        for at, part in enumerate(parts):
            if part.isdecimal() and (not pattern or is_ending(pattern, ".".join(parts[:at]))):
                return int(part)
    return None
