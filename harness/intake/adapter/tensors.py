"""Holds the tensors that an adapter's header lists against the base model and the config. Pure; reads no file."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.intake.adapter.base import BaseShapes
from harness.intake.adapter.finite import FLOAT_DTYPES
from harness.intake.adapter.lora_config import LoraConfig, is_ending
from harness.intake.adapter.safetensors import Header, Tensor
from harness.language import Message, message, some, verbatim
from harness.model.finding import Finding, finding
from harness.text import visible

_SHOWN = 3
# A module of the base carries two. What is above this is no adapter with a few odd tensors, which are worth naming.
_MOST_PER_MODULE = 8
_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")

_HEAD = re.compile(r"\b(?:lm_head|embed_tokens)\b")
_WITHOUT_HEAD = message(
    "Train without `modules_to_save`, and save with `save_pretrained(PATH, save_embedding_layers=False)`: "
    "lm_head and embed_tokens stay those of the base model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two factors of one module: `a` (rank, in) and `b` (out, rank)."""

    a: Tensor
    b: Tensor


def pairs(header: Header) -> Mapping[str, Pair]:
    """Give the modules that have both factors."""
    sides = _sides(header)
    return {module: Pair(a=both["A"], b=both["B"]) for module, both in sides.items() if len(both) == 2}


def check_tensors(header: Header, *, base: BaseShapes, config: LoraConfig | None) -> tuple[Finding, ...]:
    """Check names, shapes and dtypes; against the config too, if there is a usable one.

    Returns:
        Findings ADM006 (dtype), ADM008 (base model) and ADM010 (config); each names three tensors at most.
    """
    if len(header.tensors) > (most := _MOST_PER_MODULE * len(base.modules)):
        seen = message("{count} tensors", count=len(header.tensors))
        limit = message(
            "two for each of the base model's {count} linear modules; beyond {most} none is looked at",
            count=len(base.modules),
            most=most,
        )
        return (finding("ADM008", seen, limit=limit),)
    found = (*_check_names(header, base), *_check_shapes(header, base), *_check_dtypes(header))
    return found if config is None else (*found, *_check_config(header, base, config))


def listed(names: Iterable[str]) -> Message:
    """Write out a few names and count the others."""
    return some([f"`{visible(name, 120)}`" for name in sorted(names)], _SHOWN)


def _sides(header: Header) -> dict[str, dict[str, Tensor]]:
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in header.tensors.items():
        if parsed := _NAME.fullmatch(name):
            sides.setdefault(parsed["module"], {})[parsed["side"]] = tensor
    return sides


def _check_names(header: Header, base: BaseShapes) -> Iterator[Finding]:
    sides = _sides(header)
    foreign = [name for name in header.tensors if not _NAME.fullmatch(name)]
    unknown = [module for module in sides if module not in base.modules]
    single = [module for module, both in sides.items() if len(both) != 2]
    limit = message(
        "`base_model.model.MODULE.lora_A.weight` and `lora_B.weight`, as `save_pretrained` of peft writes them"
    )
    if not sides:
        yield finding("ADM008", message("the file holds no LoRA weights"), limit=limit)
    if foreign:
        head = any(_HEAD.search(name) for name in foreign)
        seen = message("tensors that are no LoRA weights: {names}", names=listed(foreign))
        yield finding("ADM008", seen, limit=limit, fix=_WITHOUT_HEAD if head else None)
    if unknown:
        yield finding("ADM008", message("modules that the base model does not have: {names}", names=listed(unknown)))
    if single:
        yield finding(
            "ADM008", message("modules with only one of lora_A and lora_B: {names}", names=listed(single)), limit=limit
        )


def _check_shapes(header: Header, base: BaseShapes) -> Iterator[Finding]:
    bad = {
        module: pair
        for module, pair in pairs(header).items()
        if module in base.modules and not _fits(pair, base.modules[module])
    }
    if bad:
        first = min(bad)
        out_features, in_features = base.modules[first]
        seen = message(
            "{names}: lora_A is {a} and lora_B {b} in the first",
            names=listed(bad),
            a=str(list(bad[first].a.shape)),
            b=str(list(bad[first].b.shape)),
        )
        yield finding(
            "ADM008",
            seen,
            limit=message(
                "[rank, {in_features}] and [{out_features}, rank] there",
                in_features=in_features,
                out_features=out_features,
            ),
        )


def _fits(pair: Pair, shape: tuple[int, int]) -> bool:
    if len(pair.a.shape) != 2 or len(pair.b.shape) != 2 or pair.a.shape[0] < 1:
        return False
    return (pair.b.shape[0], pair.a.shape[1]) == shape and pair.a.shape[0] == pair.b.shape[1]


def _check_dtypes(header: Header) -> Iterator[Finding]:
    bad = {name: tensor.dtype for name, tensor in header.tensors.items() if tensor.dtype not in FLOAT_DTYPES}
    if bad:
        seen = message("tensors in {dtypes}: {names}", dtypes=tuple(sorted(set(bad.values()))), names=listed(bad))
        yield finding(
            "ADM006", seen, limit=verbatim(", ".join(FLOAT_DTYPES)), fix=message("Save the adapter in bf16 or fp32.")
        )


def _check_config(header: Header, base: BaseShapes, config: LoraConfig) -> Iterator[Finding]:
    """Compare both ways: what tensors are there, and what modules the config names."""
    there = {module: pair for module, pair in pairs(header).items() if module in base.modules}
    ranks = {module: pair.a.shape[0] for module, pair in there.items() if _fits(pair, base.modules[module])}
    wrong = {module: rank for module, rank in ranks.items() if not config.gives(module, rank)}
    unnamed = [module for module in there if not config.names(module)]
    if wrong:
        first = min(wrong)
        seen = message("rank {rank} in the tensors of {names}", rank=wrong[first], names=listed(wrong))
        yield finding("ADM010", seen, limit=message("rank {rank} in the config", rank=config.shown_rank_of(first)))
    if unnamed:
        yield finding(
            "ADM010", message("tensors for modules that the config does not name: {names}", names=listed(unnamed))
        )
    sides = _sides(header)
    absent = [module for module in base.modules if config.names(module) and module not in sides]
    idle = [target for target in config.targets or () if not any(is_ending(target, module) for module in base.modules)]
    if absent and not config.excludes:
        yield finding("ADM010", message("no tensors for modules that the config names: {names}", names=listed(absent)))
    if idle:
        yield finding(
            "ADM010", message("`target_modules` that the base model does not have: {names}", names=listed(idle))
        )
