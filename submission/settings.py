"""What decides a training run: the defaults below, then a YAML file (`--config`), then flags. Must not import torch."""

from __future__ import annotations

import argparse
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from files import InputError

CHECKPOINTING = ("auto", "on", "off")
ALL_LINEAR = "all-linear"
MOST_EPOCHS = 1000
OPTIMIZERS = ("auto", "paged_adamw_8bit", "adamw")
# What a value of the file may be written as.
NOTHING = ("", "~", "null", "Null", "NULL")
TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides what comes out of a training run; the defaults suit a 4B model."""

    # What goes in and out.
    base_model: str = field(metadata=_help("folder or hub name of the base model"))
    train_file: Path = field(metadata=_help('JSON array of {"instruction", "output"}'))
    output_dir: Path = field(metadata=_help("where adapter, zip, history and checkpoints go"))
    eval_file: Path | None = field(
        default=None, metadata=_help("like --train_file: its loss is taken, and the best adapter is kept")
    )
    # The recipe.
    num_epochs: float = field(default=3.0, metadata=_help("passes over the data"))
    examples_per_step: int = field(default=16, metadata=_help("examples that share one update of the weights"))
    learning_rate: float = field(default=2e-4, metadata=_help("peak; falls to 0 along a cosine"))
    warmup_ratio: float = field(default=0.03, metadata=_help("share of the updates in which the rate rises"))
    weight_decay: float = field(default=0.0, metadata=_help("of AdamW"))
    max_grad_norm: float = field(default=1.0, metadata=_help("gradients are clipped to this norm"))
    lora_rank: int = field(default=16, metadata=_help("rank of the adapter"))
    lora_alpha: int = field(default=32, metadata=_help("the adapter is scaled by alpha / rank"))
    lora_targets: str = field(
        default=ALL_LINEAR,
        metadata=_help("layers that get it, like q_proj,v_proj; all-linear: all but the head"),
    )
    lora_dropout: float = field(default=0.05, metadata=_help("dropout on the adapter's input"))
    max_length: int = field(default=1024, metadata=_help("tokens at which an example is cut"))
    seed: int = field(
        default=42, metadata=_help("same seed, same machine, same adapter (on a GPU up to the order of its sums)")
    )
    # What fits into memory; none of these changes what is learned.
    batch_tokens: int = field(
        default=4096, metadata=_help("tokens on the device at a time; a step takes as many batches as it needs")
    )
    packing: bool = field(
        default=True, metadata=_help("several examples in one row, kept apart by a mask: no token is padding")
    )
    gradient_checkpointing: str = field(
        default="auto", metadata=_help("less memory, about 1.4x slower: auto (if memory asks), on, off")
    )
    keep_4bit: bool = field(
        default=False, metadata=_help("base weights stay in 4 bit: a third of the memory, slower; needs a GPU")
    )
    optimizer: str = field(default="auto", metadata=_help("auto (paged 8-bit AdamW on a GPU), paged_adamw_8bit, adamw"))
    cuda_graphs: bool = field(
        default=True, metadata=_help("on one GPU, record each shape of batch once and replay it: launches cost nothing")
    )
    # What is kept on the way.
    eval_every: int = field(default=0, metadata=_help("updates between evaluations and checkpoints; 0: once an epoch"))
    resume: bool = field(default=False, metadata=_help("go on from the last checkpoint in --output_dir"))
    overwrite: bool = field(
        default=False, metadata=_help("begin anew where an earlier run is: its adapter and checkpoints are removed")
    )

    @property
    def targets(self) -> list[str]:
        """Name the layers of `lora_targets`; empty: every linear layer."""
        names = _listed(self.lora_targets)
        return [] if names == [ALL_LINEAR] else names

    def plain(self) -> dict[str, Any]:
        """Give all of it as YAML and JSON can write it."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def read_settings(argv: Sequence[str] | None) -> Settings:
    """Read flags and the YAML file that they name.

    Raises:
        InputError: A value is of the wrong kind or out of range, a key is unknown, or something needed is not given.
    """
    given = vars(build_parser().parse_args(argv))
    config: Path | None = given.pop("config")
    values = {name: value for name, value in given.items() if value is not None}
    values = {**(_from_yaml(config) if config else {}), **values}
    missing = [f"--{one.name}" for one in fields(Settings) if one.default is MISSING and one.name not in values]
    if missing:
        raise InputError(f"{', '.join(missing)} must be given, as a flag or in --config")
    settings = Settings(**values)
    _check(settings)
    return settings


def build_parser() -> argparse.ArgumentParser:
    """Declare a flag for each field."""
    parser = argparse.ArgumentParser(
        usage="%(prog)s --base_model BASE --train_file FILE --output_dir FOLDER [options]",
        description="QLoRA fine-tuning on rows of instruction and output.",
        epilog="The file of --config holds the same names: `learning_rate: 1e-4`. Flags win over it.",
    )
    parser.add_argument("--config", type=Path, help="YAML file with any of the options below")
    for one in fields(Settings):
        words = one.metadata["help"] + ("" if one.default in (MISSING, None) else f" (default: {one.default})")
        kind = _kind(one)
        if kind is bool:
            parser.add_argument(f"--{one.name}", action=argparse.BooleanOptionalAction, default=None, help=words)
        else:
            parser.add_argument(f"--{one.name}", type=kind, help=words)
    return parser


def _kind(one: Field[Any]) -> type:
    return {"str": str, "int": int, "float": float, "bool": bool}.get(str(one.type), Path)


def _from_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_strict(yaml))
    except OSError as error:
        raise InputError(f"cannot read --config {path}: {error.strerror}; check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"--config {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, Mapping):
        raise InputError(f"--config {path} must hold lines like `learning_rate: 1e-4`")
    known = {one.name: _kind(one) for one in fields(Settings)}
    return {key: _typed(path, key, value, known) for key, value in data.items() if value not in NOTHING}


def _strict(yaml: Any) -> Any:
    """Give a loader that leaves values as they are written, for YAML 1.1 makes 8 of `010`, and of `on` true.

    It refuses a key that is there twice, of which YAML would take the last without a word.
    """

    class Strict(yaml.BaseLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key) for key, _ in node.value]
            if twice := [key for key in keys if keys.count(key) > 1]:
                raise yaml.YAMLError(f"{twice[0]} is there twice")
            return super().construct_mapping(node, deep)

    return Strict


def _typed(path: Path, key: str, value: Any, known: Mapping[str, type]) -> Any:
    """Turn a text of the file into the kind of its option."""
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the options are {', '.join(known)}"
        raise InputError(f"--config {path} has the unknown option {key}; {hint}")
    kind = known[key]
    if key == "lora_targets" and isinstance(value, list):
        value = ",".join(map(str, value))
    try:
        if isinstance(value, str):
            return TRUTH[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError):
        pass
    wanted = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "a path")
    seen = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    raise InputError(f"--config {path}: {key} is {seen}; it must be {wanted}")


def _listed(names: str) -> list[str]:
    return sorted(set(names.replace(",", " ").split()))


def _check(settings: Settings) -> None:
    for name, value in asdict(settings).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"--{name} is {value}; it must be a finite number")
    positive = ("num_epochs", "examples_per_step", "learning_rate", "max_grad_norm", "lora_rank", "lora_alpha")
    for name in (*positive, "max_length", "batch_tokens"):
        if not getattr(settings, name) > 0:
            raise InputError(f"--{name} is {getattr(settings, name)}; it must be above 0")
    for name in ("weight_decay", "eval_every"):
        if getattr(settings, name) < 0:
            raise InputError(f"--{name} is {getattr(settings, name)}; it must be at least 0")
    if settings.num_epochs > MOST_EPOCHS:
        raise InputError(f"--num_epochs is {settings.num_epochs}; it must be at most {MOST_EPOCHS}")
    if not 0 <= settings.seed < 2**32:
        raise InputError(f"--seed is {settings.seed}; it must be at least 0 and below 2**32")
    for name in ("warmup_ratio", "lora_dropout"):
        if not 0 <= getattr(settings, name) < 1:
            raise InputError(f"--{name} is {getattr(settings, name)}; it must be at least 0 and below 1")
    for name, allowed in (("gradient_checkpointing", CHECKPOINTING), ("optimizer", OPTIMIZERS)):
        if getattr(settings, name) not in allowed:
            raise InputError(f"--{name} is {getattr(settings, name)}; it must be one of {', '.join(allowed)}")
    if not _listed(settings.lora_targets):
        raise InputError("--lora_targets names no layer; name some, like q_proj,v_proj, or leave it out")
    if settings.resume and settings.overwrite:
        raise InputError("--resume goes on with an earlier run and --overwrite removes it; leave one of them out")
    if settings.batch_tokens < settings.max_length:
        raise InputError(
            f"--batch_tokens {settings.batch_tokens} is less than --max_length {settings.max_length}: the longest "
            "example would not fit; raise --batch_tokens or lower --max_length"
        )
