"""Writes train_on_colab.ipynb: install, train, predict, evaluate and pack on Colab or Kaggle.

    python submission/notebook.py [OUTPUT]

Its cells only call the scripts beside this file; what they do is here once. Needs nbformat (pip install nbformat).
Must not hold logic of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from base_model import PACKAGES
from files import write_text
from progress import complain, say

DEFAULT = Path(__file__).with_name("train_on_colab.ipynb")

INTRO = """# Train an adapter, answer, evaluate, pack

Choose a GPU first (Colab: *Runtime, Change runtime type*; Kaggle: *Accelerator*), upload your data, set the names in
the next cell, and run all cells in order. GPUs before Ampere, such as the T4, emulate bf16: take an L4 or better if you
can.

Each cell calls a script of `submission/`; to change what happens, change the scripts. A cell that fails says why.
`submission/notebook.py` writes this notebook."""

NAMES = """CODE = "code.zip"  # a zip or a folder with run.sh, download.sh and submission/, or an address for git clone
BASE_MODEL = "Qwen/Qwen3-4B"  # a name on the hub, or a folder
TRAIN_FILE = "train.json"
EVAL_FILE = "public.json"  # with references; the best adapter by it is kept
TRAIN_OPTIONS = ""  # for example: --num_epochs 2 --batch_tokens 2048 --keep_4bit
PREDICT_OPTIONS = ""
EVALUATE_OPTIONS = ""
OUTPUT = "out"
STUDENT_ID = ""  # like r13921031, for the last cell
ADAPTER_LINK = ""  # where you uploaded adapter_checkpoint.zip, for the last cell"""

FETCH = """import shutil
import subprocess
from pathlib import Path

folder = Path(CODE) if Path(CODE).is_dir() else Path("code")
if CODE.endswith(".zip"):
    shutil.unpack_archive(CODE, folder)
elif not folder.is_dir():
    subprocess.run(["git", "clone", "--depth", "1", CODE, folder], check=True)
scripts = sorted(folder.rglob("submission/train.py"), key=lambda path: (len(path.parts), path))
assert scripts, f"there is no submission/train.py in {folder.resolve()}; set CODE"
SCRIPTS = scripts[0].parent
print(SCRIPTS)"""

INSTALL = f"""from importlib.util import find_spec

missing = [name for name in "{PACKAGES} matplotlib sacrebleu gdown".split() if find_spec(name) is None]
if missing:
    %pip install -q {{" ".join(missing)}}"""

CURVE = """from IPython.display import Image, display

curve = Path(OUTPUT) / "learning_curve.png"
if curve.is_file():
    display(Image(str(curve)))"""

REPORT = """from IPython.display import Markdown

report = Path("evaluation") / "report.md"
if report.is_file():
    display(Markdown(report.read_text(encoding="utf-8")))"""

SHOW = """import json

for row in json.loads(Path("predictions.json").read_text(encoding="utf-8"))[:5]:
    print(row["id"], row["output"])"""

TRAIN = "## Train\nIf the machine goes away: run this again with `--resume` in `TRAIN_OPTIONS` (`--overwrite`: anew)."
ADAPTER = '"{OUTPUT}/adapter_checkpoint"'


def call(script: str, arguments: str) -> str:
    """Give a cell that calls a script and fails if it does."""
    return f'!python "{{SCRIPTS}}/{script}" {arguments}\nassert _exit_code == 0, "see above"'


def _indented(cell: str) -> str:
    return "".join(f"    {line}\n" for line in cell.splitlines()).rstrip()


def cells() -> list[tuple[str, str]]:
    """Give the cells: kind and text."""
    files = '--train_file "{TRAIN_FILE}" --eval_file "{EVAL_FILE}"'
    train = call("train.py", f'--base_model "{{BASE_MODEL}}" {files} --output_dir "{{OUTPUT}}" {{TRAIN_OPTIONS}}')
    answer = call("predict.py", f'"{{BASE_MODEL}}" {ADAPTER} "{{EVAL_FILE}}" predictions.json {{PREDICT_OPTIONS}}')
    evaluate = call(
        "evaluate.py",
        f'--base_model "{{BASE_MODEL}}" --adapter {ADAPTER} {files} --checkpoints "{{OUTPUT}}" '
        "--predictions predictions.json --overwrite {EVALUATE_OPTIONS}",
    )
    upload = call(
        "pack.py",
        '--student_id "{STUDENT_ID}" --source "{ADAPTER_LINK}" --adapter "{OUTPUT}/adapter_checkpoint.zip" '
        '--output "{STUDENT_ID}.zip"',
    )
    return [
        ("markdown", INTRO),
        ("code", NAMES),
        ("markdown", "## Code and packages"),
        ("code", FETCH),
        ("code", INSTALL),
        ("markdown", TRAIN),
        ("code", train),
        ("code", CURVE),
        ("markdown", "## Answer"),
        ("code", answer),
        ("code", SHOW),
        ("markdown", "## Evaluate"),
        ("code", f'if (SCRIPTS / "evaluate.py").is_file():\n{_indented(evaluate)}'),
        ("code", REPORT),
        ("markdown", "## Pack\nThe first cell says whether the grader would take the adapter. Then upload the zip, set "
         "`STUDENT_ID` and `ADAPTER_LINK` above, run that cell again, and the last one."),
        ("code", call("pack.py", '--adapter "{OUTPUT}/adapter_checkpoint.zip"')),
        ("code", f"if STUDENT_ID and ADAPTER_LINK:\n{_indented(upload)}"),
    ]  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Write the notebook, the same bytes each time."""
    parser = argparse.ArgumentParser(description="Write the notebook that calls these scripts on Colab or Kaggle.")
    parser.add_argument(
        "output", metavar="OUTPUT", type=Path, nargs="?", default=DEFAULT, help=f"default: {DEFAULT.name} beside it"
    )
    output: Path = parser.parse_args(argv).output
    try:
        import nbformat
    except ImportError:
        complain("notebook.py: the Python package nbformat is missing; install: pip install nbformat")
        return 4
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    make = {"markdown": new_markdown_cell, "code": new_code_cell}
    made = [make[kind](text, id=f"cell-{number}") for number, (kind, text) in enumerate(cells())]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "accelerator": "GPU"}
    try:
        write_text(output, nbformat.writes(new_notebook(cells=made, metadata=kernel)) + "\n")
    except OSError as error:
        complain(f"notebook.py: cannot write {output}: {error.strerror}; name another OUTPUT")
        return 2
    say(f"wrote {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
