"""What decides a training run: the defaults below, then a YAML file (`--config`), then flags. Must not import torch."""

from __future__ import annotations

import argparse
import difflib
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

from files import InputError
from options_file import Written, read_options, shown

CHECKPOINTING = ("auto", "on", "off")
ALL_LINEAR = "all-linear"
OPTIMIZERS = ("auto", "paged_adamw_8bit", "adamw")
MOST_EPOCHS = 1000
MOST = {"lora_rank": 4096, "seed": 2**32 - 1}
MOST_WHOLE = 10**9
ABOVE_0 = (
    *("num_epochs", "examples_per_step", "learning_rate", "max_grad_norm", "lora_rank", "lora_alpha"),
    *("max_length", "batch_tokens"),
)
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
    flags = {name: value for name, value in given.items() if value is not None}
    written = read_options(config) if config else {}
    read = {name: _read(name, one, f"--config {config}, line {one.line}") for name, one in written.items()}
    said = {name: value for name, value in read.items() if value is not None}
    values = {**said, **flags}
    missing = [f"--{one.name}" for one in fields(Settings) if one.default is MISSING and one.name not in values]
    if missing:
        raise InputError(f"{', '.join(missing)} must be given, as a flag or in --config")
    settings = Settings(**values)
    names = {one.name: f"--{one.name}" for one in fields(Settings)}
    for name in said.keys() - flags.keys():
        names[name] = f"{name} (line {written[name].line} of {config})"
    _check(settings, names)
    return settings


def build_parser() -> argparse.ArgumentParser:
    """Declare a flag for each field."""
    parser = argparse.ArgumentParser(
        usage="%(prog)s --base_model BASE --train_file FILE --output_dir FOLDER [options]",
        description="QLoRA fine-tuning on rows of instruction and output.",
        epilog="The file of --config holds the same names: `learning_rate: 1e-4`. Flags win over it.",
    )
    parser.add_argument("--config", type=path, help="YAML file with any of the options below")
    for one in fields(Settings):
        words = one.metadata["help"] + ("" if one.default in (MISSING, None) else f" (default: {one.default})")
        read, _ = _kind(one)
        if read is truth:
            parser.add_argument(f"--{one.name}", action=argparse.BooleanOptionalAction, default=None, help=words)
        else:
            parser.add_argument(f"--{one.name}", type=read, help=words)
    return parser


def path(value: str) -> Path:
    """Read a path; an empty one would be the current folder.

    Raises:
        argparse.ArgumentTypeError: It is no name.
    """
    return Path(text(value))


def text(value: str) -> str:
    """Read a name; `~/` is the home folder, as it is in a shell.

    Raises:
        argparse.ArgumentTypeError: It is empty, or holds what no file of YAML or JSON keeps as it is.
    """
    if not value.strip():
        raise argparse.ArgumentTypeError(f"{shown(value)} is empty; name something, or leave the option out")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in value):
        raise argparse.ArgumentTypeError(f"{shown(value)} holds control characters or half characters; rename it")
    return str(Path(value).expanduser()) if value.startswith("~/") else value


def truth(value: str) -> bool:
    """Read yes or no.

    Raises:
        ValueError: It is neither.
    """
    if value.lower() not in TRUTH:
        raise ValueError(f"neither true nor false: {value!r}")
    return TRUTH[value.lower()]


# How an option of a kind is read, and how the kind is called.
KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "str": (text, "text"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (truth, "true or false"),
    "Path": (path, "a path"),
}


def _kind(one: Field[Any]) -> tuple[Callable[[str], Any], str]:
    return KINDS[str(one.type).removesuffix(" | None")]


def _read(name: str, written: Written, where: str) -> Any:
    """Make of what the file says what the option must be; None where it says nothing."""
    known = {one.name: _kind(one) for one in fields(Settings)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the options are {', '.join(known)}"
        raise InputError(f"{where}: {shown(name)} is no option; {hint}")
    read, wanted = known[name]
    if written.value is None:
        return None
    value = ",".join(written.value) if name == "lora_targets" and isinstance(written.value, tuple) else written.value
    if isinstance(value, tuple):
        raise InputError(f"{where}: {name} is a list; it must be {wanted}")
    try:
        return read(value)
    except argparse.ArgumentTypeError as error:
        raise InputError(f"{where}: {name}: {error}") from error
    except ValueError as error:
        raise InputError(f"{where}: {name} is {shown(value)}; it must be {wanted}") from error


def _listed(names: str) -> list[str]:
    return sorted(set(names.replace(",", " ").split()))


def _check(settings: Settings, names: Mapping[str, str]) -> None:
    """Refuse what is out of range.

    Args:
        settings: All of them.
        names: How to call each.
    """
    values = asdict(settings)

    def refuse(name: str, must: str) -> NoReturn:
        raise InputError(f"{names[name]} is {shown(str(values[name]))}; it must be {must}")

    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            refuse(name, "a finite number")
        most = MOST.get(name, MOST_WHOLE)
        if isinstance(value, int) and value > most:
            refuse(name, f"at most {most}")
    if settings.num_epochs > MOST_EPOCHS:
        refuse("num_epochs", f"at most {MOST_EPOCHS}")
    for name in ABOVE_0:
        if not values[name] > 0:
            refuse(name, "above 0")
    for name in ("weight_decay", "eval_every", "seed"):
        if values[name] < 0:
            refuse(name, "at least 0")
    for name in ("warmup_ratio", "lora_dropout"):
        if not 0 <= values[name] < 1:
            refuse(name, "at least 0 and below 1")
    for name, allowed in (("gradient_checkpointing", CHECKPOINTING), ("optimizer", OPTIMIZERS)):
        if values[name] not in allowed:
            refuse(name, f"one of {', '.join(allowed)}")
    if not _listed(settings.lora_targets):
        raise InputError(f"{names['lora_targets']} names no layer; name some, like q_proj,v_proj, or leave it out")
    if settings.resume and settings.overwrite:
        raise InputError(
            f"{names['resume']} goes on with an earlier run and {names['overwrite']} removes it; leave one of them out"
        )
    if settings.batch_tokens < settings.max_length:
        raise InputError(
            f"{names['batch_tokens']} is {settings.batch_tokens}, less than {settings.max_length} of "
            f"{names['max_length']}: the longest example would not fit; raise the former or lower the latter"
        )
