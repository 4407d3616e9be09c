"""Measures `harness check --quick`, the whole command, on an adapter as large as the homework's: under 5 s is wanted.

Usage: python benchmarks/quick_check.py [--runs 5] [--cores 2]. Needs no engine and no model: what stands for Qwen3-4B
is a file of its size with its shapes and no weights in it. The adapter has rank 16 on all linear layers: 66 MB in bf16.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qwen3_4b import MODULES

from harness.batch.start import start
from harness.intake.adapter.base import read_base_shapes
from harness.intake.adapter.starting import write_starting_adapter
from harness.schema.assignment import load_assignment, load_examples

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = ROOT / "assignments" / "classical-chinese"
MOST_S = 5.0


def make_base(folder: Path) -> Path:
    """Make a folder with the shapes of Qwen3-4B and no weights: the file is sparse."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    header: dict[str, object] = {}
    end = 0
    for name, shape in MODULES:
        begin, end = end, end + 2 * shape[0] * shape[1]
        header[f"{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return folder


def main() -> int:
    """Measure and print; give 1 where it took too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2, help="cores that it may use")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    loaded = load_assignment(ASSIGNMENT)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        base = make_base(folder / "Qwen3-4B")
        submission = start(folder / "r13921031", student_id=None, assignment_path=ASSIGNMENT, base_path=None).folder
        rules = loaded.assignment.adapter
        write_starting_adapter(
            folder / "adapter",
            rules=rules,
            base=read_base_shapes(base),
            base_name=base.name,
            rank=16,
            targets=rules.target_modules,
        )
        size_bytes = (folder / "adapter" / "adapter_model.safetensors").stat().st_size
        examples = load_examples(loaded.folder / loaded.assignment.data.public)
        answers = [{"id": one.id, "output": one.output} for one in examples]
        (folder / "predictions.json").write_text(json.dumps(answers), encoding="utf-8")
        command = [sys.executable, "-m", "harness", "check", str(submission), "--quick"]
        command += ["--assignment", str(ASSIGNMENT), "--base-model", str(base), "--adapter", str(folder / "adapter")]
        command += ["--predictions", str(folder / "predictions.json")]
        seconds = []
        for _ in range(arguments.runs):
            begin = time.perf_counter()
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - begin)
    words = f"{size_bytes / 1e6:.0f} MB of adapter, {len(answers)} predictions, {arguments.cores} cores"
    print(f"harness check --quick: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s ({words})")
    return 0 if max(seconds) < MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
