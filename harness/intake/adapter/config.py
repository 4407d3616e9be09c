"""Judges the text of `adapter_config.json` against the assignment's limits. Pure; must not know tensors.

What it lets pass is a `LoraConfig`, of which a new file is made; nothing that a student wrote reaches peft unread.
"""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import cast

from harness.intake.adapter.lora_config import LoraConfig
from harness.intake.adapter.strict_json import parse_strict
from harness.language import NOTHING, Message, message, some, verbatim
from harness.model.assignment import AdapterRules
from harness.model.finding import Finding, Location, finding
from harness.text import visible

CONFIG = "adapter_config.json"
ALL_LINEAR = "all-linear"
MAX_CONFIG_BYTES = 1_000_000

_MAX_ENTRIES = 2000
_MAX_PATTERNS = 8
_MOST_NAMED = 5
_MAX_ALPHA = 65_536
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_PLAIN_KEY = re.compile(rf"\^?{_PLAIN_NAME.pattern}")
_HUB_CACHE = re.compile(r"models--(?:[^/]*--)?(?P<name>[^/]+)")
# Initialisations that leave the base model's weights as they are. PiSSA, OLoRA, CorDA and LoftQ change them.
_PLAIN_INITS = ("gaussian", "orthogonal", "eva")
# Read below, or without effect on an adapter that is loaded to be scored.
_KNOWN = frozenset(
    (
        *("peft_type", "task_type", "auto_mapping", "base_model_name_or_path", "r", "lora_alpha", "target_modules"),
        *("bias", "use_rslora", "rank_pattern", "alpha_pattern", "init_lora_weights", "layers_to_transform"),
        *("exclude_modules", "layers_pattern"),
        *("peft_version", "revision", "inference_mode", "lora_dropout", "eva_config", "runtime_config"),
        # Only with `use_qalora` and `megatron_config`, which are refused.
        *("ensure_weight_tying", "qalora_group_size", "megatron_core"),
    )
)
_OWN_MODULE = re.compile(r"transformers(?:\.\w+)*")
_MEGATRON = "megatron.core"
_FIXES = MappingProxyType(
    {
        "modules_to_save": message(
            "Train without `modules_to_save`: lm_head and embed_tokens stay those of the base model."
        ),
        "trainable_token_indices": message("Train without new tokens: the embeddings stay those of the base model."),
    }
)
_WHOLE_NAMES = message(
    "Write in its place each module that it means by its name, such as `model.layers.0.self_attn.q_proj`: patterns are "
    "not matched here, and no tensor shows an alpha."
)
_NEWER = message("Train without it. If it is a default that a newer peft wrote, delete the line.")


def check_config(
    content: bytes, *, rules: AdapterRules, base_name: str
) -> tuple[tuple[Finding, ...], LoraConfig | None]:
    """Judge the config's text.

    Args:
        content: The file's bytes.
        rules: The assignment's limits.
        base_name: Name of the assignment's base model; the last part of a path counts.

    Returns:
        Findings ADM004, ADM005 and ADM006, all there are; and the config if it can be used, which an ADM005 alone
        does not prevent.
    """
    try:
        raw = parse_strict(content)
    except (ValueError, RecursionError) as problem:
        return (
            _found(
                "ADM004", message("`{config}` is no JSON: {problem}", config=CONFIG, problem=visible(str(problem), 120))
            ),
        ), None
    if not isinstance(raw, dict):
        return (_found("ADM004", message("`{config}` holds no JSON object", config=CONFIG)),), None
    base = tuple(_check_base(raw, base_name))
    if raw.get("peft_type") != "LORA":
        return (*base, _wrong("peft_type", raw.get("peft_type"), limit=verbatim("LORA"))), None
    problems = (*_check_numbers(raw, rules), *_check_targets(raw, rules), *_check_kind(raw), *_check_unknown(raw))
    return (*base, *problems), None if problems else _make(raw)


def _found(
    code: str, seen: Message, *, limit: Message = NOTHING, pointer: str = "", fix: Message | None = None
) -> Finding:
    return finding(code, seen, limit=limit, fix=fix, where=Location(path=CONFIG, pointer=pointer or None))


def _wrong(name: str, value: object, *, limit: Message, fix: Message | None = None) -> Finding:
    """Say what a setting is, and what it may be."""
    seen = message("`{name}` is {value}", name=name, value=_shown(value))
    return _found("ADM006", seen, limit=limit, fix=fix, pointer=f"/{name}")


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "a deep value"
    return f"`{visible(text, 80)}`"


def _check_base(raw: Mapping[str, object], base_name: str) -> Iterator[Finding]:
    name = raw.get("base_model_name_or_path")
    last = model_name(name) if isinstance(name, str) else ""
    if last.lower() != model_name(base_name).lower():
        seen = (
            message("trained on `{last}`", last=visible(last, 120)) if last else message("no `base_model_name_or_path`")
        )
        yield _found("ADM005", seen, limit=verbatim(f"`{model_name(base_name)}`"), pointer="/base_model_name_or_path")


def model_name(path: str) -> str:
    """Give the last part of a path or hub id; in a hub cache, the model that the path is of."""
    parts = [part for part in path.replace("\\", "/").split("/") if part]
    for part in parts:
        if cached := _HUB_CACHE.fullmatch(part):
            return cached["name"]
    return parts[-1] if parts else ""


def _check_numbers(raw: Mapping[str, object], rules: AdapterRules) -> Iterator[Finding]:
    rank_limit = message("a whole number from 1 to {most}", most=rules.max_rank)
    alpha_limit = message("a number above 0, at most {most}", most=_MAX_ALPHA)
    rank, alpha = raw.get("r"), raw.get("lora_alpha")
    if not _is_rank(rank, rules):
        yield _wrong("r", rank, limit=rank_limit)
    if not _is_alpha(alpha):
        yield _wrong("lora_alpha", alpha, limit=alpha_limit)
    for name, limit in (("rank_pattern", rank_limit), ("alpha_pattern", alpha_limit)):
        pattern = raw.get(name) or {}
        is_rank = name == "rank_pattern"
        if not isinstance(pattern, dict) or len(pattern) > _MAX_ENTRIES:
            yield _found(
                "ADM006", message("`{name}` is no object of bounded size", name=name), limit=limit, pointer=f"/{name}"
            )
            continue
        for key, value in pattern.items():
            is_plain = is_rank or _PLAIN_KEY.fullmatch(key) is not None
            if not is_plain or not (_is_rank(value, rules) if is_rank else _is_alpha(value)):
                seen = message("`{name}` maps {key} to {value}", name=name, key=_shown(key), value=_shown(value))
                wanted = limit if is_rank else message("a plain module name, and {limit}", limit=limit)
                fix = None if is_plain else _WHOLE_NAMES
                yield _found("ADM006", seen, limit=wanted, fix=fix, pointer=f"/{name}")
                break


def _is_rank(value: object, rules: AdapterRules) -> bool:
    return type(value) is int and 1 <= value <= rules.max_rank


def _is_alpha(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MAX_ALPHA


def _check_targets(raw: Mapping[str, object], rules: AdapterRules) -> Iterator[Finding]:
    targets = raw.get("target_modules")
    limit = message("a list out of {names}", names=tuple(rules.target_modules))
    if isinstance(targets, str):
        if targets.lower() != ALL_LINEAR:
            yield _found(
                "ADM006",
                message("`target_modules` is the pattern {text}", text=_shown(targets)),
                limit=limit,
                fix=message(
                    'Write the names as a list, such as `"target_modules": {names}`.',
                    names=json.dumps(list(rules.target_modules)),
                ),
                pointer="/target_modules",
            )
        return
    if not isinstance(targets, list) or not targets or len(targets) > _MAX_ENTRIES:
        yield _wrong("target_modules", targets, limit=limit)
        return
    bad = [name for name in targets if not _is_allowed(name, rules)]
    if bad:
        seen = message("`target_modules` names {names}", names=some([_shown(name) for name in bad]))
        yield _found("ADM006", seen, limit=limit, pointer="/target_modules")


def _is_allowed(name: object, rules: AdapterRules) -> bool:
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        return False
    return name.rpartition(".")[2] in rules.target_modules


def _check_kind(raw: Mapping[str, object]) -> Iterator[Finding]:
    if raw.get("task_type") not in (None, "CAUSAL_LM"):
        yield _wrong("task_type", raw["task_type"], limit=verbatim("CAUSAL_LM"))
    if raw.get("bias") not in (None, "none"):
        yield _wrong("bias", raw["bias"], limit=verbatim("none"))
    rslora = raw.get("use_rslora")
    if rslora is not None and not isinstance(rslora, bool):
        yield _wrong("use_rslora", rslora, limit=message("true or false"))
    start = raw.get("init_lora_weights")
    if start is not None and not isinstance(start, bool) and start not in _PLAIN_INITS:
        yield _wrong(
            "init_lora_weights",
            start,
            limit=message("an initialisation that leaves the base model's weights as they are"),
            fix=message("Save with `path_initial_model_for_weight_conversion`, which makes it a plain LoRA adapter."),
        )
    if not _is_own_mapping(raw.get("auto_mapping")):
        yield _wrong("auto_mapping", raw["auto_mapping"], limit=message("null, or a class of transformers"))
    yield from _check_parts(raw)


def _check_parts(raw: Mapping[str, object]) -> Iterator[Finding]:
    """Check what leaves out a part of the modules."""
    layers = raw.get("layers_to_transform")
    if layers is not None and not _are_layers(layers):
        yield _wrong("layers_to_transform", layers, limit=message("null or a list of layer numbers"))
    patterns = _texts(raw.get("layers_pattern"))
    if len(patterns) > _MAX_PATTERNS or not all(_PLAIN_NAME.fullmatch(pattern) for pattern in patterns):
        yield _wrong(
            "layers_pattern",
            raw["layers_pattern"],
            limit=message("null or plain names, such as `layers`"),
            fix=message("Leave it out: without it the first number in a module's name is its layer."),
        )
    if not all(_texts(raw.get("exclude_modules"))):
        yield _wrong(
            "exclude_modules",
            raw["exclude_modules"],
            limit=message("null, names or a pattern"),
            fix=message("Leave it out, and name in `target_modules` what is trained."),
        )


def _texts(value: object) -> list[str]:
    """Give the strings of a setting that is one string or several; an empty one for whatever else is there."""
    many = value if isinstance(value, list) else [value] if value else []
    return [one if isinstance(one, str) else "" for one in many]


def _is_own_mapping(mapping: object) -> bool:
    """Tell whether this is what peft writes by itself where no task type was given. It is dropped in any case."""
    if mapping in (None, {}):
        return True
    library = mapping.get("parent_library") if isinstance(mapping, dict) else None
    return isinstance(library, str) and _OWN_MODULE.fullmatch(library) is not None


def _are_layers(layers: object) -> bool:
    many = layers if isinstance(layers, list) else [layers]
    return len(many) <= _MAX_ENTRIES and all(type(one) is int and 0 <= one < _MAX_ENTRIES for one in many)


def _check_unknown(raw: Mapping[str, object]) -> Iterator[Finding]:
    """Refuse what may change what the adapter computes: any other setting that is switched on or filled in.

    Numbers and strings too: nobody knows what they change. peft 0.21 writes none that is not known here.
    """
    if raw.get("megatron_core") not in (None, _MEGATRON):
        limit = message("null or {module}: no other module is loaded", module=_MEGATRON)
        yield _wrong("megatron_core", raw["megatron_core"], limit=limit)
    on = [name for name, value in raw.items() if name not in _KNOWN and value]
    for name in on[:_MOST_NAMED]:
        shown = visible(name, 80)
        value = _shown(raw[name])
        seen = message("`{name}` is {value}", name=shown, value=value)
        if more := max(0, len(on) - _MOST_NAMED):
            seen = message(
                "`{name}` is {value}, and {count} other settings are on", name=shown, value=value, count=more
            )
        limit = message("null, false or empty: a plain LoRA adapter")
        yield _found("ADM006", seen, limit=limit, fix=_FIXES.get(name, _NEWER), pointer=f"/{shown}")


def _make(raw: Mapping[str, object]) -> LoraConfig:
    """Build the config out of values that were all checked."""
    targets, layers = raw["target_modules"], raw.get("layers_to_transform")
    rank, alpha = raw["r"], raw["lora_alpha"]
    ranks, alphas = raw.get("rank_pattern") or {}, raw.get("alpha_pattern") or {}
    assert isinstance(rank, int) and isinstance(alpha, int | float)
    assert isinstance(ranks, dict) and isinstance(alphas, dict)
    plain = {key: one for key, one in ranks.items() if _PLAIN_KEY.fullmatch(key)}
    return LoraConfig(
        rank=rank,
        alpha=alpha,
        targets=tuple(targets) if isinstance(targets, list) else None,
        layers=None if layers in (None, []) else tuple(layers) if isinstance(layers, list) else (cast(int, layers),),
        rank_pattern=plain,
        alpha_pattern=alphas,
        use_rslora=raw.get("use_rslora") is True,
        layers_pattern=tuple(_texts(raw.get("layers_pattern"))) if layers not in (None, []) else (),
        # With one pattern among the keys, it is not known which of them comes first for a module.
        unread_ranks=frozenset() if len(plain) == len(ranks) else frozenset((rank, *ranks.values())),
        excludes=bool(raw.get("exclude_modules")),
    )
