"""Reads the shapes of a base model's linear layers from its files' headers. Loads no weight, knows no adapter."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from harness.errors import EnvironmentFault
from harness.intake.adapter.safetensors import Header, HeaderProblem, read_header

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_FLOATS = frozenset({"F32", "F16", "BF16"})
_WEIGHT = ".weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseShapes:
    """Module name, such as `model.layers.0.mlp.up_proj`, to (out, in) of its weight."""

    modules: Mapping[str, tuple[int, int]]


def read_base_shapes(folder: Path) -> BaseShapes:
    """Read the shapes of all linear weights of the base model in `folder`.

    Raises:
        EnvironmentFault: The model is missing, incomplete or damaged.
    """
    modules: dict[str, tuple[int, int]] = {}
    for path in _shards(folder):
        for name, tensor in _header(path).tensors.items():
            module = name.removesuffix(_WEIGHT)
            if module == name or len(tensor.shape) != 2 or tensor.dtype not in _FLOATS:
                continue
            if not module.rpartition(".")[2].startswith("embed"):
                modules[module] = (tensor.shape[0], tensor.shape[1])
    if not modules:
        raise _fault(f"the base model in {folder} has no linear weights in F32, F16 or BF16")
    return BaseShapes(modules=MappingProxyType(modules))


def _shards(folder: Path) -> list[Path]:
    if (folder / _SINGLE).is_file():
        return [folder / _SINGLE]
    index = folder / _INDEX
    if not index.is_file():
        raise _fault(f"no base model in {folder}: neither {_SINGLE} nor {_INDEX} is there")
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
        if not all(isinstance(name, str) and PurePosixPath(name).name == name for name in names):
            raise ValueError("weight_map names files elsewhere")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise _fault(f"cannot read {index}: {problem}") from problem
    return [folder / name for name in sorted(names)]


def _header(path: Path) -> Header:
    try:
        return read_header(path.resolve())  # a hub cache holds links to its blobs
    except (HeaderProblem, OSError) as problem:
        raise _fault(f"cannot read {path}: {problem}") from problem


def _fault(message: str) -> EnvironmentFault:
    remedy = "Download the base model again with `hf download ORG/NAME --local-dir FOLDER`, and give that folder."
    return EnvironmentFault(message, remedy=remedy)
