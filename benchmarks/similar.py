"""How long it takes to compare a class's adapters, how exact the sketches are, and how alike honest students are.

    python benchmarks/similar.py speed                        # 300 synthetic adapters of the 4B model's shapes
    python benchmarks/similar.py baseline --base-model DIR/Qwen3-tiny --work FOLDER

`speed` makes factors on the fly, as many modules as --modules says, and multiplies what grows with the modules.
`baseline` trains real adapters on the tiny base with submission/train.py (about two minutes each on a core; those that
lie in --work already are not trained again) and prints all pairs: independent seeds, and one seed with other settings.
"""

import argparse
import itertools
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from qwen3_4b import MODULES
from rich.console import Console
from rich.progress import track
from rich.table import Table

from harness.intake.adapter.factors import open_adapter
from harness.similarity.gram import exact, from_sketches
from harness.similarity.lowrank import Factors, compare
from harness.similarity.sketch import ModuleSketch, sketch, values_per_module
from harness.stages.sketch import factors_of, keep_sketch, sketch_adapter

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "assignments" / "classical-chinese" / "data" / "train.json"
RANK = 16
WIDEST = 9728
COMMON = {"num_epochs": "8", "learning_rate": "3e-3", "lora_rank": "16", "examples_per_step": "32"}
CLASS = {
    "seed 1": {"seed": "1"},
    "seed 2": {"seed": "2"},
    "seed 7": {"seed": "7"},
    "seed 3, rank 8": {"seed": "3", "lora_rank": "8"},
    "seed 4, rate 1e-3": {"seed": "4", "learning_rate": "1e-3"},
    "seed 5, half of the data": {"seed": "5", "half": "yes"},
    "seed 6, 4 epochs": {"seed": "6", "num_epochs": "4"},
    "seed 42": {},
    "seed 42, rate 1e-3": {"learning_rate": "1e-3"},
    "seed 42, 4 epochs": {"num_epochs": "4"},
    "seed 42, rank 8": {"lora_rank": "8"},
    "seed 42, no dropout": {"lora_dropout": "0"},
    "seed 42, alpha 64": {"lora_alpha": "64"},
}
SHOWN = 25
console = Console()


def draw(student: int, number: int) -> Factors:
    """Make one module's factors, with singular values that fall as those of trained adapters do."""
    generator = np.random.Generator(np.random.SFC64([student, number]))
    out_features, in_features = MODULES[number][1]
    a = generator.standard_normal((RANK, in_features), np.float32)
    b = generator.standard_normal((out_features, RANK), np.float32) * np.float32(0.8) ** np.arange(
        RANK, dtype=np.float32
    )
    return Factors(a=a, b=b, scale=2.0)


def write_one(folder: Path) -> None:
    """Write one whole adapter in bf16, 66 MB, as a student hands it in."""
    header: dict[str, object] = {}
    parts: list[bytes] = []
    at = 0
    for number, (name, _) in enumerate(MODULES):
        factors = draw(0, number)
        for side, values in (("A", factors.a), ("B", factors.b)):
            data = (np.ascontiguousarray(values).view(np.uint32) >> 16).astype("<u2").tobytes()
            tensor = {"dtype": "BF16", "shape": values.shape, "data_offsets": [at, at + len(data)]}
            header[f"base_model.model.{name}.lora_{side}.weight"] = tensor
            at += len(data)
            parts.append(data)
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    (folder / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": 2 * RANK}))


def speed(students: int, modules: int) -> None:
    """Measure the sketch of one adapter, all pairs from sketches, and all pairs exactly."""
    table = Table("what", "seconds", "how", title=f"{students} adapters, {students * (students - 1) // 2} pairs")
    with tempfile.TemporaryDirectory() as scratch:
        write_one(Path(scratch))
        seconds = []
        for _ in range(3):
            start = time.process_time()
            keep_sketch(Path(scratch), Path(scratch) / "sketch.json", sha256="0" * 64)
            seconds.append(time.process_time() - start)
        size = (Path(scratch) / "sketch.json").stat().st_size
    table.add_row(
        "sketch of one adapter of 66 MB, at admit", f"{min(seconds):.2f}", f"CPU, best of 3; {size / 1e3:.0f} kB"
    )
    sketches = [sketch_of(student) for student in track(range(students), "sketches", console=console)]
    start = time.perf_counter()
    from_sketches(sketches)
    taken = time.perf_counter() - start
    table.add_row("all pairs from sketches", f"{taken:.1f}", f"all {len(MODULES)} modules (values drawn)")
    start, drawing = time.perf_counter(), 0.0
    chosen = [number * len(MODULES) // modules for number in range(modules)]

    def load(student: int, name: str) -> Factors:
        nonlocal drawing
        began = time.perf_counter()
        factors = draw(student, int(name))
        drawing += time.perf_counter() - began
        return factors

    exact([str(number) for number in chosen], students, load)
    taken = time.perf_counter() - start - drawing
    weight = sum(map(sum, (shape for _, shape in MODULES))) / sum(sum(MODULES[number][1]) for number in chosen)
    how = f"{modules} modules in {taken:.0f} s, times {weight:.1f}; reading not counted"
    table.add_row("all pairs exactly, fp64", f"{taken * weight:.0f}", how)
    console.print(table)
    console.print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def sketch_of(student: int) -> dict[str, ModuleSketch]:
    """Give a sketch with drawn values: time does not depend on what they are."""
    generator = np.random.Generator(np.random.SFC64(student))
    count = values_per_module(len(MODULES), WIDEST)
    return {
        name: ModuleSketch(
            shape=shape, rank=RANK, norm=1.0, ratio=1.0, values=generator.integers(-127, 128, count, np.int8)
        )
        for name, shape in MODULES
    }


def baseline(base: Path, work: Path) -> None:
    """Train the class, compare all pairs exactly and by sketches, and set disguised copies beside them."""
    folders = {name: train(name, base, work) for name in CLASS}
    files = {name: open_adapter(folder) for name, folder in folders.items()}
    factors = {name: {module: factors_of(one.read(module)) for module in one.modules} for name, one in files.items()}
    sketches = [sketch_adapter(one) for one in files.values()]
    names = list(files)
    for label, change in (("noise 10 %", noise(0.1)), ("noise 30 %", noise(0.3)), ("half of the layers", half)):
        names.append(f"copy of seed 1, {label}")
        factors[names[-1]] = change(factors["seed 1"], factors["seed 2"])
        sketches.append(dict(sketch(factors[names[-1]].items(), count=len(sketches[0]), widest=files["seed 1"].widest)))
    guessed = from_sketches(sketches)
    table = Table("pair", "cosine", "sketch", "modules alike", title=f"the {SHOWN} highest of all pairs")
    rows, errors = [], []
    for (at, one), (beside, other) in itertools.combinations(enumerate(names), 2):
        found = compare(factors[one], factors[other])
        errors.append(guessed.cosine[at, beside] - (found.cosine or 0))
        alike = sum(value is not None and value >= 0.99 for value in found.modules.values())
        rows.append((found.cosine or 0.0, guessed.cosine[at, beside], one, other, f"{alike} of {len(found.modules)}"))
    for cosine, sketched, one, other, alike in sorted(rows, reverse=True)[:SHOWN]:
        table.add_row(f"{one} | {other}", f"{cosine:.4f}", f"{sketched:.4f}", alike)
    console.print(table)
    independent = [row[0] for row in rows if "copy" not in row[2] + row[3] and not ("42" in row[2] and "42" in row[3])]
    one_seed = [row[0] for row in rows if "42" in row[2] and "42" in row[3]]
    for label, values in (("independent seeds", independent), ("one seed, other settings", one_seed)):
        words = f"median {np.median(values):.3f}, from {min(values):.3f} to {max(values):.3f}"
        console.print(f"{label}: {len(values)} pairs, {words}")
    console.print(f"error of sketches: largest {max(map(abs, errors)):.4f}, root mean square {np.std(errors):.4f}")


def train(name: str, base: Path, work: Path) -> Path:
    """Train one adapter, unless it is there."""
    folder = work / name.replace(", ", "-").replace(" ", "")
    made = folder / "adapter_checkpoint"
    if not made.is_dir():
        settings = {**COMMON, **CLASS[name]}
        data = TRAIN
        if settings.pop("half", None):
            data = work / "half.json"
            data.parent.mkdir(parents=True, exist_ok=True)
            data.write_text(json.dumps(json.loads(TRAIN.read_text(encoding="utf-8"))[::2]), encoding="utf-8")
        words = [sys.executable, str(ROOT / "submission" / "train.py"), "--base_model", str(base)]
        words += ["--train_file", str(data), "--output_dir", str(folder)]
        words += [word for key, value in settings.items() for word in (f"--{key}", value)]
        console.print(f"training {name} …")
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return made


def noise(level: float):
    """Give a function that adds noise of `level` times the size of each factor."""

    def change(one: dict[str, Factors], _: dict[str, Factors]) -> dict[str, Factors]:
        generator = np.random.Generator(np.random.SFC64(7))

        def add(values: np.ndarray) -> np.ndarray:
            drawn = generator.standard_normal(values.shape, np.float32)
            return values + np.float32(level * np.std(values)) * drawn

        return {name: Factors(a=add(each.a), b=add(each.b), scale=each.scale) for name, each in one.items()}

    return change


def half(one: dict[str, Factors], other: dict[str, Factors]) -> dict[str, Factors]:
    """Take the first layer of one adapter and the rest of another."""
    return {name: each if ".layers.0." in name else other[name] for name, each in one.items()}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fast = commands.add_parser("speed")
    fast.add_argument("--students", type=int, default=300)
    fast.add_argument("--modules", type=int, default=7, help="how many of the 252 modules are computed exactly")
    honest = commands.add_parser("baseline")
    honest.add_argument("--base-model", type=Path, required=True)
    honest.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    if given.command == "speed":
        speed(given.students, given.modules)
    else:
        baseline(given.base_model.resolve(), given.work)


if __name__ == "__main__":
    main()
