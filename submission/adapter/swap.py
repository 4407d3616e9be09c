"""Puts the weights of one adapter after the other into a loaded model: the base is loaded once, nothing is merged.

Must not know what is measured. Torch is not needed to tell whether two adapters may take turns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapter.files import CONFIG_NAME, WEIGHTS_NAME
from files import InputError

# What may differ between adapters that take turns: none of it changes what is computed.
_FREE = frozenset({"base_model_name_or_path", "inference_mode", "lora_dropout", "peft_version", "revision"})


def refuse_other_shape(folder: Path, adapter: Path) -> None:
    """Refuse an adapter that cannot take the place of another.

    Raises:
        InputError: It names what differs in their configurations.
    """
    one, other = (json.loads((path / CONFIG_NAME).read_text(encoding="utf-8")) for path in (folder, adapter))
    for name in sorted({*one, *other} - _FREE):
        mine, its = (sorted(v) if isinstance(v, list) else v for v in (one.get(name), other.get(name)))
        if mine != its:
            raise InputError(
                f"{folder} has {name} {mine}, {adapter} has {name} {its}: they are not of one training run"
            )


class Slot:
    """The memory in a model that its adapter's weights lie in.

    Args:
        model: A `PeftModel` with one adapter.
    """

    def __init__(self, model: Any) -> None:
        from peft import get_peft_model_state_dict

        self.tensors = get_peft_model_state_dict(model, save_embedding_layers=False)

    def put(self, folder: Path) -> None:
        """Copy the weights of a folder in.

        Raises:
            InputError: They are not of the same names and shapes.
        """
        import torch
        from safetensors.torch import load_file

        weights = load_file(folder / WEIGHTS_NAME)
        wrong = sorted(self.tensors.keys() ^ weights.keys())
        wrong += [name for name in weights if name not in wrong and weights[name].shape != self.tensors[name].shape]
        if wrong:
            raise InputError(f"{folder / WEIGHTS_NAME} does not fit the model: {', '.join(wrong[:3])}")
        with torch.no_grad():
            for name, tensor in weights.items():
                self.tensors[name].copy_(tensor)
