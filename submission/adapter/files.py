"""Writes a trained adapter as the course wants it, and tells whether an adapter folder is complete.

The weights are stored in bf16: rank 16 on all linear layers of Qwen3-4B is 33.0M parameters, 132 MB in fp32, over the
course's 100 MB, and 66 MB in bf16. Must not know how the adapter was trained or where it came from; torch is not
needed to check a folder.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from adapter.safetensors_header import Broken, read_header
from files import InputError

CONFIG_NAME = "adapter_config.json"
WEIGHTS_NAME = "adapter_model.safetensors"
ADAPTER_FILES = (CONFIG_NAME, WEIGHTS_NAME)
ADAPTER_FOLDER = "adapter_checkpoint"
ADAPTER_ZIP = f"{ADAPTER_FOLDER}.zip"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def save_adapter(model: Any, folder: Path, *, base_model: str) -> Path:
    """Write the two files of a PEFT model's adapter, weights in bf16, and return the folder.

    Args:
        model: The `PeftModel`.
        folder: Where to; it must not exist.
        base_model: Folder or hub name of the base; only its name is written down, never a path of this machine.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file
    from torch import bfloat16

    folder.mkdir(parents=True)
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    weights = {name: state[name].detach().to("cpu", bfloat16).contiguous() for name in sorted(state)}
    save_file(weights, folder / WEIGHTS_NAME, metadata={"format": "pt"})
    (folder / WEIGHTS_NAME).chmod(0o644)
    config = model.peft_config["default"].to_dict()
    config["base_model_name_or_path"] = base_name(base_model)
    config["inference_mode"] = True
    text = json.dumps(config, ensure_ascii=False, indent=2, sort_keys=True, default=_plain)
    (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")
    return folder


def base_name(base_model: str) -> str:
    """Return the name to write down for a base: a hub name as it is, of a path the model that it is called by.

    That is its last part, links not followed; in a cache of the hub, `models--Qwen--Qwen3-4B/snapshots/...`, the model.
    """
    path = Path(base_model).expanduser()
    if not path.exists():
        return base_model
    parts = Path(os.path.abspath(path)).parts  # noqa: PTH100  # resolve() would follow links
    cached = [part.removeprefix("models--").replace("--", "/", 1) for part in parts if part.startswith("models--")]
    return cached[0] if cached else parts[-1]


def zip_adapter(folder: Path, archive: Path) -> Path:
    """Zip the adapter with its folder inside; the same adapter gives the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ADAPTER_FILES:
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", date_time=_ZIP_DATE)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, (folder / name).read_bytes())
    return archive


def find_problem(folder: Path) -> str | None:
    """Say what keeps an adapter folder from being complete, or return None when nothing does."""
    missing = [name for name in ADAPTER_FILES if not (folder / name).is_file()]
    if missing:
        return f"{' and '.join(missing)} missing"
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return f"{CONFIG_NAME} is not JSON"
    if not isinstance(config, dict):
        return f"{CONFIG_NAME} is no JSON object"
    try:
        read_header(folder / WEIGHTS_NAME)
    except Broken as error:
        return f"{WEIGHTS_NAME} is broken: {error}"
    return None


def refuse_unusable(folder: Path) -> None:
    """Refuse what is no adapter's folder before anything is loaded.

    Raises:
        InputError: It says what was given instead, where that is known.
    """
    problem = find_problem(folder)
    if problem is None:
        return
    advice = "run download.sh or train.py first"
    if folder.is_file():
        problem, advice = (
            "it is a file",
            "give the folder that holds the two files of the adapter; a zip has to be unpacked",
        )
    elif not folder.is_dir():
        problem = "there is no such folder"
    elif find_problem(folder / ADAPTER_FOLDER) is None:
        advice = f"give {folder / ADAPTER_FOLDER}, which is one"
    elif steps := [one for one in sorted(folder.glob("step-*")) if find_problem(one) is None]:
        problem, advice = "it holds the checkpoints of a run", f"give one of them, like {steps[-1]}"
    elif (folder / "config.json").is_file() and not (folder / CONFIG_NAME).is_file():
        problem, advice = (
            "it holds a whole model",
            "give the adapter's folder here, and the base model in its own place",
        )
    raise InputError(f"no usable adapter in {folder}: {problem}; {advice}")


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return getattr(value, "value", str(value))
