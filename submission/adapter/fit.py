"""Tells by the headers of their files whether an adapter is of a base's sizes, before either is loaded.

Needs no torch. Must not know what the course takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from adapter.files import CONFIG_NAME, WEIGHTS_NAME
from adapter.safetensors_header import Broken, Tensor, read_header
from files import InputError

LORA_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
FLOATS = ("F32", "F16", "BF16")
_MOST_HEADER_BYTES = 100_000_000
_MOST_LETTERS = 300
_OTHER_SIZE = re.compile(
    r"size mismatch for (?P<name>\S+): copying a param with shape torch\.Size\((?P<given>\[.*?\])\) from checkpoint, "
    r"the shape in current model is torch\.Size\((?P<wanted>\[.*?\])\)"
)


def sides_of(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Give lora_A (r, in) and lora_B (out, r) by module."""
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if parsed := LORA_NAME.fullmatch(name):
            sides.setdefault(parsed["module"], {})[parsed["side"]] = tensor
    return sides


def layers_of_base(folder: Path) -> dict[str, Tensor]:
    """Give the matrices of a base by module, as its files say; nothing where there is no *.safetensors.

    Raises:
        Broken: A file of it is damaged; the message names it.
    """
    layers: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            header = read_header(path, most_bytes=_MOST_HEADER_BYTES)
        except Broken as problem:
            raise Broken(f"{path}: {problem}") from problem
        layers |= {name.removesuffix(".weight"): one for name, one in header.items() if len(one.shape) == 2}
    return layers


def refuse_other_base(base: str, folder: Path) -> None:
    """Refuse an adapter whose layers are of other sizes than those of the same name in the base.

    A base on the hub, and whatever the headers do not tell, is left to be loaded.

    Raises:
        InputError: It names the first layer, and what the adapter was trained on.
    """
    try:
        layers = layers_of_base(Path(base))
    except Broken:
        return
    sizes = {
        module: (both["B"].shape[0], both["A"].shape[1])
        for module, both in sorted(sides_of(read_header(folder / WEIGHTS_NAME)).items())
        if len(both) == 2 == len(both["A"].shape) == len(both["B"].shape)
    }
    # Quantised weights are packed into other shapes; GPT-2 keeps its own transposed.
    wrong = [
        f"{module} is {size[0]} x {size[1]} in the adapter, {own.shape[0]} x {own.shape[1]} in the base"
        for module, size in sizes.items()
        if (own := layers.get(module)) and own.dtype in FLOATS and size not in (own.shape, own.shape[::-1])
    ]
    if wrong:
        name = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8")).get("base_model_name_or_path")
        raise InputError(
            f"the adapter in {folder} does not fit the base model {base}: {wrong[0]}{_more(len(wrong) - 1)}; it was "
            f"trained on {str(name)[:80]}: take the base and the adapter of one training run"
        )


def in_a_line(error: Exception) -> str:
    """Give what PEFT says of an adapter that it cannot load: of a list of all its tensors the first."""
    found = list(_OTHER_SIZE.finditer(str(error)))
    if not found:
        said = " ".join(str(error).split())
        return said if len(said) <= _MOST_LETTERS else f"{said[:_MOST_LETTERS]} …"
    first = found[0]
    return (
        f"{first['name']} is {first['given']} in {WEIGHTS_NAME}, and must be {first['wanted']} by {CONFIG_NAME} on "
        f"this base{_more(len(found) - 1)}; take the base and the adapter of one training run"
    )


def _more(count: int) -> str:
    return f", and {count:,} more differ" if count else ""
