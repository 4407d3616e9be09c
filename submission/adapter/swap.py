"""Puts the weights of one adapter after the other into a loaded model: the base is loaded once, nothing is merged.

Also tells whether an adapter's tensors are those of the model. Must not know what is measured. Torch is not needed to
tell whether two adapters may take turns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapter.files import CONFIG_NAME, WEIGHTS_NAME
from files import InputError
from progress import a_few

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


def refuse_unfit(folder: Path, tensors: Mapping[str, Any]) -> None:
    """Refuse an adapter whose tensors are not those of the model's, by name and shape.

    PEFT leaves out what it finds no place for, and keeps random numbers where nothing is given.

    Args:
        folder: The adapter.
        tensors: Those of the adapter in the model, by PEFT's names in files.

    Raises:
        InputError: It names a few that are too many, missing, or of another shape.
    """
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS_NAME, framework="pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # no mapping
    differing = [name for name in shapes.keys() & tensors.keys() if shapes[name] != tuple(tensors[name].shape)]
    wrong = {
        "has what the model has no place for": shapes.keys() - tensors.keys(),
        "lacks": tensors.keys() - shapes.keys(),
        "has another shape of": differing,
    }
    if problems := [f"{words} {a_few(sorted(names))}" for words, names in wrong.items() if names]:
        raise InputError(
            f"{folder / WEIGHTS_NAME} does not fit the model: it {'; it '.join(problems)}; take the base and the "
            "adapter of one training run"
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

        refuse_unfit(folder, self.tensors)
        with torch.no_grad():
            for name, tensor in load_file(folder / WEIGHTS_NAME).items():
                self.tensors[name].copy_(tensor)
