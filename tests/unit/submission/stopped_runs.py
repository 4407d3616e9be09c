"""Stops a run that replaces an earlier one at one file operation after the other, does what it advises, and looks.

    python stopped_runs.py SUBMISSION BASE FOLDER SIGNAL EVERY

Each run is a fork of this process, so that torch is loaded once. Fails where something is not as after a run in one go.
"""

import json
import os
import shutil
import signal
import sys
import zipfile
from pathlib import Path

SUBMISSION, BASE, FOLDER = map(Path, sys.argv[1:4])
SIGNAL, EVERY = getattr(signal, sys.argv[4]), int(sys.argv[5])
OUT, KEPT, SAID, COUNT = (FOLDER / name for name in ("out", "kept", "said", "count"))
NOTES = ("adapter_checkpoint/notes.txt", "checkpoints/step-000002/notes.txt")
OPERATIONS = ("unlink", "rename", "replace", "rmdir")
ROWS = [{"instruction": "天地玄黃"[i % 4] * 3, "output": "宇宙洪荒"[i % 4] * (2 + i % 3)} for i in range(12)]
RECIPE = ["--examples_per_step=4", "--num_epochs=2", "--eval_every=2", "--learning_rate=3", "--warmup_ratio=0.5"]

sys.path.insert(0, str(SUBMISSION))
import matplotlib.pyplot  # noqa: E402, F401
import peft.tuners.lora  # noqa: E402, F401
import torch  # noqa: E402
import train  # noqa: E402
import training.run  # noqa: E402, F401
import transformers.models.qwen3.modeling_qwen3  # noqa: E402, F401


def count_operations(stop_at: int) -> None:
    """Count what is done to files below OUT, and end this process, or interrupt it, before one of them."""
    done = 0

    def counted(name: str) -> None:
        real = getattr(Path, name)

        def operation(self: Path, *given: object, **named: object) -> object:
            nonlocal done
            if self.is_relative_to(OUT):
                done += 1
                COUNT.write_text(str(done))
                if done == stop_at:
                    os.kill(os.getpid(), SIGNAL)
            return real(self, *given, **named)

        setattr(Path, name, operation)

    for name in OPERATIONS:
        counted(name)


def run(*more: str, seed: int, stop_at: int = 0) -> tuple[int, str]:
    """Give the exit status (below 0: the signal) and the last line that was said."""
    child = os.fork()
    if child == 0:
        said = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 2)
        count_operations(stop_at)
        files = ("--train_file", str(FOLDER / "rows.json"), "--eval_file", str(FOLDER / "few.json"))
        os._exit(
            train.main(
                ["--base_model", str(BASE), *files, "--output_dir", str(OUT), *RECIPE, "--seed", str(seed), *more]
            )
        )
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, SAID.read_text().strip().splitlines()[-1]


def adapter() -> dict[str, bytes]:
    """Read the adapter of OUT, and make sure that the zip beside it holds the same."""
    found = {
        path.name: path.read_bytes() for path in (OUT / "adapter_checkpoint").iterdir() if path.name != "notes.txt"
    }
    with zipfile.ZipFile(OUT / "adapter_checkpoint.zip") as file:
        assert {Path(name).name: file.read(name) for name in file.namelist()} == found, "the zip holds another adapter"
    return found


def go_on(status: int, said: str) -> tuple[int, str]:
    """Do what was advised; after a kill nothing was: go on if that is possible, else begin anew."""
    if "begins anew" in said:
        return run("--overwrite", seed=2)
    gone_on = run("--resume", seed=2)
    return run("--overwrite", seed=2) if gone_on[0] and status == -signal.SIGKILL else gone_on


def main() -> None:
    """Sweep."""
    torch.set_num_threads(1)
    for name, rows in (("rows", ROWS), ("few", ROWS[:4])):
        (FOLDER / f"{name}.json").write_text(json.dumps(rows))
    assert run(seed=1)[0] == 0, SAID.read_text()
    for name in NOTES:
        (OUT / name).write_text("mine")
    shutil.copytree(OUT, KEPT)
    assert run("--overwrite", seed=2)[0] == 0, SAID.read_text()
    meant, operations = adapter(), int(COUNT.read_text())
    for stop_at in range(1, operations + 1, EVERY):
        shutil.rmtree(OUT)
        shutil.copytree(KEPT, OUT)
        status, said = run("--overwrite", seed=2, stop_at=stop_at)
        assert status in (-SIGNAL, 130), (stop_at, status, said)
        ended = go_on(status, said)
        where = f"stopped at {stop_at} of {operations} ({said}), then: {ended[1]}"
        assert ended[0] == 0 and adapter() == meant, where
        assert all((OUT / name).read_text() == "mine" for name in NOTES), where
        assert not list(OUT.rglob(".*")), where
    print(f"{operations} operations")


if __name__ == "__main__":
    main()
