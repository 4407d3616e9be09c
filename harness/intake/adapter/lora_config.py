"""A LoRA config that was checked, and the sanitised file made of it. Pure; `adapter_config` judges."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """What of the config matters, checked.

    Attributes:
        targets: Names or endings of module names; None is `all-linear`.
        layers: Layers that the adapter covers; None is all.
    """

    rank: int
    alpha: float
    targets: tuple[str, ...] | None
    layers: tuple[int, ...] | None
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    use_rslora: bool

    def rank_of(self, module: str) -> int:
        """Give the rank of a module: of the pattern the first entry that ends its name, as in peft."""
        return next((rank for key, rank in self.rank_pattern.items() if is_ending(key, module)), self.rank)

    def names(self, module: str) -> bool:
        """Tell whether the config gives this module an adapter."""
        if self.layers is not None and _layer(module) not in self.layers:
            return False
        return self.targets is None or any(is_ending(target, module) for target in self.targets)

    def sanitised(self, *, base_name: str, targets: tuple[str, ...]) -> dict[str, object]:
        """Make the config to load the adapter with."""
        return {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base_name,
            "inference_mode": True,
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": 0.0,
            "target_modules": sorted(targets),
            "layers_to_transform": None if self.layers is None else list(self.layers),
            "rank_pattern": dict(self.rank_pattern),
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


def _layer(module: str) -> int | None:
    """Give the number of the layer that a module lies in: the first part that is a number, as peft takes it."""
    return next((int(part) for part in module.split(".") if part.isdecimal()), None)
