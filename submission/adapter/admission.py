"""Finds in an adapter what the grader's gate would refuse, before it is uploaded. Needs no torch.

Judges config, tensors and values, and names everything that is wrong. It may be stricter than the gate, never laxer;
what only the base model's files can tell is told where its folder is given. Must not know where the adapter came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import limits
from adapter.config_rules import config_problems
from adapter.files import CONFIG_NAME, WEIGHTS_NAME
from adapter.fit import FLOATS, LORA_NAME, layers_of_base, sides_of
from adapter.named import is_covered, is_ending, layers_of, ranks_of
from adapter.safetensors_header import DTYPE_BYTES, Broken, Tensor, parse_strict, read_header
from progress import a_few

MAX_CONFIG_BYTES = 1_000_000
CHUNK_BYTES = 4 << 20
# The byte with sign and exponent where all its exponent bits are one. In bf16 and fp32 that is 2^127 and more: too
# large for any adapter, even where it still is a number.
_TOO_LARGE = {
    "F16": bytes(byte for byte in range(256) if byte & 0x7C == 0x7C),
    "BF16": b"\x7f\xff",
    "F32": b"\x7f\xff",
}


def find_refusals(folder: Path, *, base_model: Path | None = None) -> list[str]:
    """Name what keeps the adapter in `folder` from being taken; nothing if it is fine.

    Args:
        folder: It holds both files.
        base_model: Folder of the base model; without it the shapes of its layers are not known.
    """
    found = []
    size_bytes = (folder / WEIGHTS_NAME).stat().st_size
    if size_bytes > limits.MAX_BYTES:
        found.append(
            f"the weights are {size_bytes:,} bytes, the course takes {limits.MAX_BYTES:,}: save in bf16, as train.py "
            "does, or lower the rank"
        )
    config, problems = _read_config(folder / CONFIG_NAME)
    found += [f"{CONFIG_NAME}: {one}" for one in problems]
    try:
        tensors = read_header(folder / WEIGHTS_NAME)
    except Broken as problem:
        return [*found, f"{WEIGHTS_NAME}: {problem}"]
    found += [f"{WEIGHTS_NAME}: {one}" for one in _tensor_problems(tensors, config or {})]
    if base_model is not None:
        found += [f"{WEIGHTS_NAME}: {one}" for one in _base_problems(tensors, config or {}, base_model)]
    if size_bytes <= 4 * limits.MAX_BYTES:
        found += [f"{WEIGHTS_NAME}: {one}" for one in _value_problems(folder / WEIGHTS_NAME, tensors)]
    return found


def _read_config(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        return None, [f"it is larger than {MAX_CONFIG_BYTES:,} bytes"]
    try:
        config = parse_strict(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return None, [f"it is no JSON ({str(error)[:80]})"]
    if not isinstance(config, dict):
        return None, ["it holds no JSON object"]
    return config, list(config_problems(config))


def _tensor_problems(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Iterator[str]:
    sides = sides_of(tensors)
    if not sides:
        yield "it holds no LoRA weights"
    if foreign := [name for name in tensors if not LORA_NAME.fullmatch(name)]:
        yield f"{_listed(foreign)} is no LoRA weight; lm_head and embed_tokens stay those of the base model"
    if single := [module for module, both in sides.items() if len(both) != 2]:
        yield f"{_listed(single)} has only one of lora_A and lora_B"
    if wrong := [name for name, one in tensors.items() if one.dtype not in FLOATS]:
        yield f"{_listed(wrong)} is not in {', '.join(FLOATS)}; save in bf16"
    pairs = {module: (both["A"], both["B"]) for module, both in sides.items() if len(both) == 2}
    odd = [module for module, (a, b) in pairs.items() if not _fit(a, b)]
    if odd:
        yield f"{_listed(odd)}: lora_A and lora_B do not fit each other"
    yield from _unlike_layers(pairs)
    if isinstance(config.get("r"), int):
        yield from _config_disagrees({one: pair for one, pair in pairs.items() if one not in odd}, config)


def _fit(a: Tensor, b: Tensor) -> bool:
    return len(a.shape) == 2 == len(b.shape) and a.shape[0] == b.shape[1] > 0


def _unlike_layers(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> Iterator[str]:
    """Layers of a model are alike: the same widths for the same module in each."""
    widths: dict[str, tuple[str, tuple[int, ...]]] = {}
    for module, (a, b) in sorted(pairs.items()):
        kind, width = re.sub(r"\.\d+\.", ".N.", module), (*b.shape[:1], *a.shape[1:])
        first, expected = widths.setdefault(kind, (module, width))
        if width != expected:
            yield f"{module} is of other size than {first}"


def _config_disagrees(pairs: Mapping[str, tuple[Tensor, Tensor]], config: Mapping[str, Any]) -> Iterator[str]:
    """Compare what tensors are there with what the config names; patterns are not matched."""
    ranks = {module: ranks_of(config, module) for module in pairs}
    if wrong := [module for module, (a, _) in pairs.items() if a.shape[0] not in ranks[module]]:
        allowed = " or ".join(map(str, dict.fromkeys(ranks[min(wrong)])))
        source = "rank_pattern" if config.get("rank_pattern") else "r"
        yield f"{_listed(wrong)} is of another rank than {source} = {allowed} in {CONFIG_NAME}"
    targets = config.get("target_modules")
    names = [one for one in targets if isinstance(one, str)] if isinstance(targets, list) else None
    if names is None:
        names = list(limits.TARGET_MODULES)
    elif idle := [one for one in names if not any(is_ending(one, module) for module in pairs)]:
        yield f"there are no weights for {_listed(idle)} in target_modules"
    if unnamed := [module for module in pairs if not any(is_ending(one, module) for one in names)]:
        yield f"{_listed(unnamed)} is not among target_modules"
    if other := [module for module in pairs if not is_covered(config, module)]:
        yield f"{_listed(other)} is in no layer of layers_to_transform"
    if not config.get("exclude_modules"):
        yield from _missing_layers(pairs, layers_of(config))


def _missing_layers(pairs: Iterable[str], wanted: list[Any] | None) -> Iterator[str]:
    """Each kind of module must be there in every layer from 0 to the last, or in those of them that are wanted."""
    layers: dict[str, set[int]] = {}
    for module in pairs:
        for found in re.finditer(r"\.(\d+)\.", module):
            layers.setdefault(module[: found.start()] + ".N." + module[found.end() :], set()).add(int(found[1]))
            break
    last = max((max(numbers) for numbers in layers.values()), default=0)
    expected = {one for one in range(last + 1) if wanted is None or one in wanted}
    if gaps := [kind for kind, numbers in layers.items() if expected - numbers]:
        yield f"{_listed(gaps)} is not there in every layer from 0 to {last}" + (" that is wanted" if wanted else "")


def _base_problems(tensors: Mapping[str, Tensor], config: Mapping[str, Any], base_model: Path) -> Iterator[str]:
    """Hold names and shapes against the base model's own files."""
    try:
        shapes = {module: one.shape for module, one in layers_of_base(base_model).items()}
    except Broken as problem:
        yield f"cannot compare with {problem}"
        return
    if not shapes:
        yield f"cannot compare with {base_model}: there is no *.safetensors in it"
        return
    sides = sides_of(tensors)
    if unknown := [module for module in sides if module not in shapes]:
        yield f"the base model has no {_listed(unknown)}"
    for module, both in sides.items():
        if module in shapes and len(both) == 2 and (both["B"].shape[:1] + both["A"].shape[1:]) != shapes[module]:
            yield f"{module} does not fit the base model's {shapes[module]}"
            break
    targets = config.get("target_modules")
    if not isinstance(targets, list):  # all-linear: of whatever kinds there are weights
        targets = sorted({module.rpartition(".")[2] for module in sides})
    named = [one for one in shapes if any(isinstance(to, str) and is_ending(to, one) for to in targets)]
    absent = [module for module in named if module not in sides and is_covered(config, module)]
    if absent and not config.get("exclude_modules"):
        yield f"there are no weights for {_listed(absent)}, which target_modules names"


def _value_problems(path: Path, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    bad: dict[str, int] = {}
    with path.open("rb") as file:
        for name, tensor in tensors.items():
            if tensor.dtype not in FLOATS:
                continue
            file.seek(tensor.begin)
            size = DTYPE_BYTES[tensor.dtype]
            left = tensor.end - tensor.begin
            while left > 0 and (chunk := file.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                upper = chunk[size - 1 :: size]
                count = len(upper) - len(upper.translate(None, delete=_TOO_LARGE[tensor.dtype]))
                bad |= {name: bad.get(name, 0) + count} if count else {}
    if bad:
        yield f"{sum(bad.values())} values are NaN, infinite or nearly so, in {_listed(bad)}; lower the rate"


def _listed(names: Iterable[str]) -> str:
    return a_few(sorted(ascii(name[:100])[1:-1] for name in names))
