"""What a finished training run leaves: adapter, zip, configuration, history, learning curve. Must not know torch."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapter.files import ADAPTER_FILES, ADAPTER_FOLDER, ADAPTER_ZIP, WEIGHTS_NAME, base_name, zip_adapter
from base_model import fingerprint
from encoding import Encoded
from files import InputError, put_in_place, replace_own, scratch_folder, write_json, write_text
from progress import say
from settings import ALL_LINEAR, Settings
from training.checkpoints import checkpoint_folder
from training.history import draw_curve

# What may be another when a run goes on: where things lie, and what fits into memory.
_FREE = frozenset(
    {"output_dir", "train_file", "eval_file", "base_model", "batch_tokens", "gradient_checkpointing", "keep_4bit"}
    | {"cuda_graphs", "eval_every", "resume", "overwrite"}
)


def recipe(settings: Settings, examples: Sequence[Encoded]) -> dict[str, Any]:
    """Give what decides what is learned, each under the name that a person knows it by."""
    chosen = {f"--{name}": value for name, value in settings.plain().items() if name not in _FREE}
    chosen["--lora_targets"] = ",".join(settings.targets) or ALL_LINEAR
    return {
        "the base model": Path(base_name(settings.base_model)).name,
        "the files of the base model": fingerprint(settings.base_model),
        **chosen,
        "the rows of --train_file (or the prompt, or the tokenizer)": digest(examples),
    }


def digest(examples: Sequence[Encoded]) -> str:
    """Give a few letters that are others for other examples."""
    return hashlib.sha256(json.dumps(examples).encode()).hexdigest()[:12]


def refuse_other_recipe(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on by another recipe.

    Raises:
        InputError: It names what differs.
    """
    other = [f"{name} was {before.get(name)}, is {value}" for name, value in now.items() if before.get(name) != value]
    if other:
        raise InputError(f"--resume goes on by the same recipe: {'; '.join(other)}; put it back, or begin anew")


def hand_over(
    settings: Settings,
    *,
    step: int,
    parameters: int,
    rows_used: int,
    train_s: float,
    entries: Sequence[Mapping[str, Any]],
) -> None:
    """Write everything under `settings.output_dir`, each file whole or not at all.

    Args:
        settings: What the run went by.
        step: The checkpoint that is handed in.
        parameters: How many were trained.
        rows_used: Examples that were trained on.
        train_s: Seconds of the training.
        entries: What was taken down of each update.
    """
    import yaml

    output = settings.output_dir
    with scratch_folder(output / ADAPTER_FOLDER) as scratch:
        folder = scratch / ADAPTER_FOLDER
        folder.mkdir()
        for name in ADAPTER_FILES:
            shutil.copy2(checkpoint_folder(output, step) / name, folder / name)
        archive = zip_adapter(folder, scratch / ADAPTER_ZIP)
        size_mb = (folder / WEIGHTS_NAME).stat().st_size / 1e6
        for path in draw_curve(entries, scratch):
            put_in_place(path, output / path.name)
        (output / archive.name).unlink(missing_ok=True)  # never the zip of one adapter beside another
        replace_own(folder, output / folder.name, own=ADAPTER_FILES)
        put_in_place(archive, output / archive.name)
    # Who trains from this file again shall say once more whether to go on with a run, or that it may go.
    kept = {name: value for name, value in settings.plain().items() if name not in ("resume", "overwrite")}
    write_text(output / "training_config.yaml", yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))
    history = {
        "settings": settings.plain(),
        "rows_used": rows_used,
        "trainable_parameters": parameters,
        "train_s": round(train_s, 3),
        "handed_over_step": step,
        "log": list(entries),
    }
    write_json(output / "training_history.json", history)
    say(f"{parameters:,} parameters trained in {train_s:.1f} s")
    say(f"wrote {output / folder.name} of step {step} ({size_mb:.1f} MB in bf16) and {archive.name} beside it")
