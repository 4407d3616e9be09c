"""Checkpoints of a training run: the adapter of each, and of the last one all that it takes to go on.

Must not know how training works.
"""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adapter.files import ADAPTER_FILES, ADAPTER_FOLDER, ADAPTER_ZIP, save_adapter
from files import InputError, halves, replace_own, scratch_folder
from progress import a_few, say

FOLDER = "checkpoints"
STATE = "state.pt"
_FILES = (*ADAPTER_FILES, STATE)
_NAME = re.compile(r"step-(\d+)")


def checkpoint_folder(output: Path, step: int) -> Path:
    """Give the folder of the checkpoint after a step."""
    return output / FOLDER / f"step-{step:06}"


def save_checkpoint(output: Path, model: Any, *, step: int, base_model: str, state: dict[str, Any]) -> Path:
    """Write the adapter and the state after `step`; the state of earlier checkpoints goes, their adapters stay.

    Raises:
        InputError: The disk does not take it.
    """
    import torch
    from safetensors import SafetensorError

    folder = checkpoint_folder(output, step)
    try:
        with scratch_folder(folder) as scratch:
            made = save_adapter(model, scratch / folder.name, base_model=base_model)
            torch.save(state, made / STATE)
            replace_own(made, folder, own=_FILES)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"cannot write the checkpoint {folder} ({error}); make room, then --resume goes on from the one before it"
        ) from error
    for other in checkpoints(output):
        if other != folder:
            (other / STATE).unlink(missing_ok=True)
    return folder


def checkpoints(output: Path) -> list[Path]:
    """Give the folders of all checkpoints, the earliest first."""
    found = [path for path in (output / FOLDER).glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted((path for path in found if any((path / name).exists() for name in _FILES)), key=step_of)


def step_of(folder: Path) -> int:
    """Give the step that a checkpoint is of."""
    return int(folder.name.removeprefix("step-"))


def place_of_state(output: Path) -> Path | None:
    """Give the file that a run goes on from, if there is one."""
    places = [path / STATE for path in checkpoints(output) if (path / STATE).is_file()]
    return places[-1] if places else None


def last_state(output: Path) -> dict[str, Any]:
    """Read what the last checkpoint kept.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    import torch

    place = place_of_state(output)
    if not place:
        instead = "give --overwrite in its place" if leftovers(output) else "leave the option out"
        raise InputError(f"--resume: no checkpoint to go on from in {output / FOLDER}; {instead} to begin anew")
    try:
        state: dict[str, Any] = torch.load(place, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, LookupError, EOFError) as error:
        raise InputError(
            f"--resume: {place} is cut off, damaged or no state of train.py; begin anew with --overwrite"
        ) from error
    return state


def refuse_lost_best(output: Path, step: int) -> None:
    """Make sure, before a run goes on, that the best adapter so far is there, for it may be what is handed over.

    Raises:
        InputError: It is not.
    """
    folder = checkpoint_folder(output, step)
    if missing := [name for name in ADAPTER_FILES if not (folder / name).is_file()]:
        raise InputError(
            f"--resume: {folder} is the best so far, and {' and '.join(missing)} is gone; begin anew with --overwrite"
        )


def forget_earlier(output: Path) -> None:
    """Remove the files of an earlier run's checkpoints and adapter, and say so; other files beside them stay.

    The last checkpoint goes first: when this is cut short, nothing can go on from a run of which a part is gone.
    """
    found = leftovers(output)
    if found:
        say(f"removing an earlier run in {output}: {a_few([str(path.relative_to(output)) for path in found])}")
    for folder in reversed(checkpoints(output)):
        _remove(folder, _FILES)
    _remove(output / ADAPTER_FOLDER, ADAPTER_FILES)
    (output / ADAPTER_ZIP).unlink(missing_ok=True)


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files of a folder, and the folder if nothing else is in it; of a link to a folder, the link."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    for name in names:
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def leftovers(output: Path) -> list[Path]:
    """Give what a new run would take the place of: the checkpoints of an earlier one, its adapter and zip."""
    folder = output / ADAPTER_FOLDER
    whole = folder.is_symlink() or not folder.is_dir()
    results = (*([folder] if whole else (folder / name for name in ADAPTER_FILES)), output / ADAPTER_ZIP)
    return [*checkpoints(output), *(path for path in results if path.exists() or path.is_symlink())]


def forget_halves(output: Path) -> None:
    """Remove what a run that was killed left half-written."""
    folders = (*halves(output / FOLDER, "step-*"), *halves(output, ADAPTER_FOLDER))
    mixed = (*(output / FOLDER).glob("step-*"), output / ADAPTER_FOLDER)  # with files of others in them
    for path in (*folders, *(half for folder in mixed for half in halves(folder, "new"))):
        shutil.rmtree(path, ignore_errors=True)
    for path in halves(output, "training_*"):
        path.unlink()
