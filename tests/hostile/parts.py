"""The good submission that every case starts from, and the building blocks that cases are made of.

It is quick: download.sh copies the adapter that it brings along, run.sh answers every row with one sentence, and
utils.py needs no package. Scripts carry a mark in their environment, by which processes that got away are found.
"""

import json
import os
import shutil
from pathlib import Path

ADAPTER = "adapter_checkpoint"
ESCAPED = "hostile-case-was-here"  # a file of this name outside of a submission is a breach
MANY_ZEROS = 60_000_000  # the suite's assignment takes 5 MB unpacked
SECRET = "HOSTILE_SECRET"  # a variable of this process that no program may see
BREACH = 66  # scripts end with it when something worked that must not

COPY = f"cp -r brought/{ADAPTER} .\n"
ANSWER = """python3 -c '
import json, sys
rows = [{"id": row["id"], "output": "answer"} for row in json.load(open(sys.argv[1]))]
json.dump(rows, open(sys.argv[2], "w"))
' "$input" "$output"
"""
UTILS = """def get_prompt(instruction):
    return "Q: " + instruction


def get_bnb_config():
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": "bfloat16",
    }
"""


def mark() -> str:
    """Give what stands in the environment of every program of this process's cases."""
    return f"HOSTILE_MARK=hostile-{os.getpid()}"


def good_submission(folder: Path, adapter: Path) -> None:
    """Write the good submission; `adapter` is the folder of a good adapter."""
    shutil.copytree(adapter, folder / "brought" / ADAPTER)
    write_download(folder, COPY)
    write_run(folder, ANSWER)
    (folder / "utils.py").write_text(UTILS)


def write_download(folder: Path, body: str) -> None:
    """Write a download.sh that does `body`."""
    (folder / "download.sh").write_text(f"#!/usr/bin/env bash\nexport {mark()}\n{body}")


def write_run(folder: Path, body: str) -> None:
    """Write a run.sh that does `body`, which finds its arguments in $base, $adapter, $input and $output."""
    start = f"#!/usr/bin/env bash\nexport {mark()}\nbase=$1 adapter=$2 input=$3 output=$4\n"
    (folder / "run.sh").write_text(start + body)


def write_prompts(folder: Path, *, top: str = "", get_prompt: str = "", get_bnb_config: str = "") -> None:
    """Write a utils.py with statements at its top and inside of its functions, before they do their work."""
    text = UTILS.replace('    return "Q: "', _indented(get_prompt) + '    return "Q: "')
    text = text.replace("    return {\n", _indented(get_bnb_config) + "    return {\n")
    (folder / "utils.py").write_text(top + "\n" + text)


def _indented(statements: str) -> str:
    return "".join(f"    {line}\n" for line in statements.splitlines())


def python(program: str) -> str:
    """Give the shell command that runs a Python program; it may use double quotes, not single ones."""
    return f"python3 -c '{program}'\n"


def refuse(*commands: str) -> str:
    """Give shell lines that end with `BREACH` if any of the commands succeeds."""
    lines = (f"if ( {command} ) >/dev/null 2>&1; then echo worked >&2; exit {BREACH}; fi\n" for command in commands)
    return "".join(lines)


def beside(folder: Path, suffix: str, content: bytes) -> Path:
    """Write what is handed in instead of the folder."""
    path = folder.with_suffix(suffix)
    path.write_bytes(content)
    return path


def adapter_file(folder: Path, name: str) -> Path:
    """Give the path of a file of the adapter that is brought along."""
    return folder / "brought" / ADAPTER / name


def edit_config(folder: Path, **values: object) -> None:
    """Change keys of the adapter's config."""
    path = adapter_file(folder, "adapter_config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def read_weights(folder: Path) -> tuple[dict[str, dict[str, object]], bytes]:
    """Give header and data of the adapter's weights."""
    content = adapter_file(folder, "adapter_model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_weights(folder: Path, header: object, data: bytes) -> None:
    """Write the adapter's weights anew; `header` is turned into JSON unless it is bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    adapter_file(folder, "adapter_model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
