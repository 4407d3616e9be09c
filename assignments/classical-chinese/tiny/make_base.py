"""Command line that makes the tiny base model `Qwen3-tiny` from the train split, in under a minute of one core.

It decides whether there is anything to do, shows progress, and puts the finished folder in place whole or not at all.
What the model is and how it learns is in tiny_model.py; this file must know nothing about it but its settings.

    python make_base.py --output DIR/Qwen3-tiny
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

HERE: Final = Path(__file__).resolve().parent
TRAIN_FILE: Final = HERE.parent / "data" / "train.json"
SOURCES: Final = (HERE / "make_base.py", HERE / "tiny_model.py", TRAIN_FILE)
LIBRARIES: Final = ("torch", "transformers", "tokenizers", "safetensors")
RECIPE: Final = "recipe.json"
WEIGHTS: Final = "model.safetensors"
DEFAULT_STEPS: Final = 500


class NotOursError(Exception):
    """The output folder holds something that this script did not make."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of(options: dict[str, int]) -> str:
    """Return the SHA-256 of all that decides the result: scripts, data, options, library versions."""
    recipe = {
        "sources": {path.name: sha256_of(path) for path in SOURCES},
        "libraries": {name: version(name) for name in LIBRARIES},
        "options": options,
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def read_recipe(folder: Path) -> dict[str, object] | None:
    """Return the recipe that an earlier run left in `folder`; None if there is none that can be read."""
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return recipe if isinstance(recipe, dict) else None


def is_current(folder: Path, digest: str) -> bool:
    """Tell whether `folder` was made by this recipe and every file in it is still as it was written."""
    recipe = read_recipe(folder)
    if recipe is None or recipe.get("digest") != digest:
        return False
    files = recipe.get("files")
    return isinstance(files, dict) and all(
        (folder / name).is_file() and sha256_of(folder / name) == sha256 for name, sha256 in files.items()
    )


def refuse_foreign(folder: Path) -> None:
    """Raise NotOursError if `folder` is there, is not empty and carries no recipe of ours."""
    if folder.is_dir() and (not any(folder.iterdir()) or read_recipe(folder) is not None):
        return
    if folder.exists():
        raise NotOursError(f"{folder} exists and has no readable {RECIPE}, so this script did not make it")


def put_in_place(made: Path, folder: Path) -> None:
    """Rename `made` to `folder`; what was there goes beside `made`, into the scratch folder that is deleted after."""
    if folder.exists():
        folder.rename(made.with_name("replaced"))
    made.rename(folder)


class Reporter:
    """Shows steps and loss: a live bar on a terminal, a line at each tenth of the way elsewhere."""

    def __init__(self, console: Console, steps: int) -> None:
        """Take the console to write to and the number of steps to come."""
        self._console = console
        self._steps = steps
        self.progress = Progress(
            TextColumn("training the tiny base"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self.progress.add_task("train", total=steps, loss="")

    def step(self, done: int, loss_nats: float) -> None:
        """Note that `done` steps are finished, the last with this loss."""
        self.progress.update(self._task, completed=done, loss=f"loss {loss_nats:.3f}")
        if not self._console.is_terminal and (done == self._steps or done % max(1, self._steps // 10) == 0):
            self._console.print(f"training the tiny base: step {done}/{self._steps}, loss {loss_nats:.3f}")


def build(folder: Path, options: dict[str, int], *, digest: str, console: Console) -> None:
    """Make the model in a scratch folder beside `folder` and rename it into place."""
    import tiny_model  # here and not above: torch takes seconds to load, and "up to date" needs none of it

    started_s = time.monotonic()
    sentences = [row["output"] for row in json.loads(TRAIN_FILE.read_text(encoding="utf-8"))]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        settings = tiny_model.Settings(**options)
        reporter = Reporter(console, settings.steps)
        with reporter.progress:
            loss_nats = tiny_model.make(sentences, made, settings, on_step=reporter.step)
        weights_sha256 = sha256_of(made / WEIGHTS)
        recipe = {
            "digest": digest,
            "settings": asdict(settings),
            "loss_nats_per_token": loss_nats,
            "files": {path.name: sha256_of(path) for path in sorted(made.iterdir())},
        }
        (made / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
        put_in_place(made, folder)
    wall_s = time.monotonic() - started_s
    console.print(f"{folder}: loss {loss_nats:.4f}, {wall_s:.1f} s, {WEIGHTS} sha256 {weights_sha256}", soft_wrap=True)


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return int(text)


def main() -> int:
    """Run the command line; return the exit status (0 done, 3 wrong output folder, 4 the machine failed)."""
    parser = argparse.ArgumentParser(description="Make the tiny base model Qwen3-tiny from the train split.")
    parser.add_argument("--output", type=Path, required=True, help="folder to make, by custom .../Qwen3-tiny")
    parser.add_argument("--seed", type=int, default=0, help="same seed, machine and threads: same bits (default 0)")
    parser.add_argument("--steps", type=positive, default=DEFAULT_STEPS, help=f"default {DEFAULT_STEPS}")
    parser.add_argument(
        "--threads", type=positive, default=1, help="default 1; more are many times slower on a busy machine"
    )
    arguments = parser.parse_args()
    options = {name: getattr(arguments, name) for name in ("seed", "steps", "threads")}
    folder: Path = arguments.output.resolve()
    try:
        refuse_foreign(folder)
        digest = digest_of(options)
        if is_current(folder, digest):
            print(f"{folder}: up to date")
            return 0
        build(folder, options, digest=digest, console=Console(highlight=False))
    except NotOursError as error:
        print(f"make_base.py: {error}. Give another --output, or move that away.", file=sys.stderr)
        return 3
    except PackageNotFoundError as error:
        print(f"make_base.py: {error}. Install the extra: pip install -e '.[local]'", file=sys.stderr)
        return 4
    except OSError as error:
        print(f"make_base.py: {error}. Nothing is half-written; mend that and run again.", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
