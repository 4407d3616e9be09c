"""Reads the LoRA factors of an adapter module by module, as raw bytes with the scale that the config gives them.

Expects the worst, as the gate does, but judges no limits: it also reads adapters that never went through the gate.
Must not compute anything.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.intake.adapter.config import CONFIG
from harness.intake.adapter.finite import FLOAT_DTYPES
from harness.intake.adapter.gate import WEIGHTS
from harness.intake.adapter.lora_config import is_ending
from harness.intake.adapter.safetensors import HeaderProblem, Tensor, read_header
from harness.intake.adapter.tensors import Pair, pairs
from harness.intake.plain import NotPlainFile, open_plain, read_plain

MAX_CONFIG_BYTES = 1_000_000
MAX_HEADER_BYTES = 2_000_000
MAX_TENSOR_BYTES = 1_000_000_000


class NotAnAdapter(Exception):
    """The folder holds no LoRA adapter that can be read; the text says why. Safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTensor:
    """A tensor's little-endian bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFactors:
    """The factors of one module, `a` (rank, in) and `b` (out, rank), and the scale of their product."""

    a: RawTensor
    b: RawTensor
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFile:
    """An adapter on disk whose header was read.

    Attributes:
        folder: Where it lies.
        modules: Names of the modules that have both factors, sorted.
        widest: The largest dimension of any module.
    """

    folder: Path
    modules: tuple[str, ...]
    widest: int
    config: Mapping[str, object]
    tensors: Mapping[str, Pair]

    def read(self, module: str) -> RawFactors:
        """Read one module.

        Raises:
            KeyError: The adapter does not change it.
            NotAnAdapter: The file became shorter, or is no plain file any more.
            OSError: The machine cannot read it.
        """
        pair = self.tensors[module]
        try:
            with open_plain(self.folder / WEIGHTS) as file:
                parts = []
                for tensor in (pair.a, pair.b):
                    file.seek(tensor.begin)
                    parts.append(file.read(tensor.end - tensor.begin))
        except NotPlainFile as problem:
            raise NotAnAdapter(str(problem)) from problem
        if [len(part) for part in parts] != [pair.a.end - pair.a.begin, pair.b.end - pair.b.begin]:
            raise NotAnAdapter("the weights became shorter while they were read")
        a, b = (_raw(*one) for one in zip((pair.a, pair.b), parts, strict=True))
        return RawFactors(a=a, b=b, scale=scale_of(self.config, module, rank=pair.a.shape[0]))


def open_adapter(folder: Path) -> AdapterFile:
    """Read config and header of the adapter in `folder`.

    Raises:
        NotAnAdapter: See there.
        OSError: The machine cannot read it.
    """
    try:
        content = read_plain(folder / CONFIG, most_bytes=MAX_CONFIG_BYTES)
        config = json.loads(content)
        header = read_header(folder / WEIGHTS, max_header_bytes=MAX_HEADER_BYTES)
    except FileNotFoundError as problem:
        raise NotAnAdapter(f"no {Path(problem.filename).name}") from problem
    except (HeaderProblem, NotPlainFile) as problem:
        raise NotAnAdapter(str(problem)) from problem
    except (ValueError, RecursionError) as problem:
        raise NotAnAdapter(f"{CONFIG} is no JSON of at most {MAX_CONFIG_BYTES / 1e6:g} MB") from problem
    if not isinstance(config, dict):
        raise NotAnAdapter(f"{CONFIG} holds no JSON object")
    tensors = dict(sorted(pairs(header).items()))
    if not tensors or not all(map(_is_sound, tensors.values())):
        raise NotAnAdapter(f"{WEIGHTS} holds no LoRA factors in {', '.join(FLOAT_DTYPES)} that fit each other")
    adapter = AdapterFile(
        folder=folder,
        modules=tuple(tensors),
        widest=max(max(one.b.shape[0], one.a.shape[1]) for one in tensors.values()),
        config=config,
        tensors=tensors,
    )
    scale_of(config, adapter.modules[0], rank=1)
    return adapter


def scale_of(config: Mapping[str, object], module: str, *, rank: int) -> float:
    """Give the factor by which peft scales B A: alpha / rank, or alpha / sqrt(rank) with `use_rslora`.

    Of `alpha_pattern` the first entry counts that ends the module's name, as in peft; patterns are not matched.

    Raises:
        NotAnAdapter: Alpha is no number.
    """
    alpha = config.get("lora_alpha")
    by_module = config.get("alpha_pattern")
    for key, value in by_module.items() if isinstance(by_module, dict) else ():
        if module == key[1:] if key.startswith("^") else is_ending(key, module):
            alpha = value
            break
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not 0 < alpha < 1e9:
        raise NotAnAdapter(f"{CONFIG} gives no lora_alpha above 0")
    return float(alpha / math.sqrt(rank) if config.get("use_rslora") is True else alpha / rank)


def _is_sound(pair: Pair) -> bool:
    shapes = pair.a.shape, pair.b.shape
    return (
        all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
        and pair.a.shape[0] == pair.b.shape[1]
        and {pair.a.dtype, pair.b.dtype} <= set(FLOAT_DTYPES)
        and all(one.end - one.begin <= MAX_TENSOR_BYTES for one in (pair.a, pair.b))
    )


def _raw(tensor: Tensor, data: bytes) -> RawTensor:
    return RawTensor(dtype=tensor.dtype, shape=tensor.shape, data=data)
