"""The program that runs beside student code, run as the container runs it."""

import json
import subprocess
import sys
from pathlib import Path

from harness.stages.render import PROGRAM

UTILS = """
import neighbour
def get_prompt(instruction):
    return neighbour.PREFIX + instruction
def get_bnb_config():
    return {"load_in_4bit": True, "bnb_4bit_compute_dtype": complex(1, 2)}
"""


def test_utils_is_found_by_path_even_in_a_folder_called_code(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "utils.py").write_text(UTILS)
    (folder / "neighbour.py").write_text("PREFIX = '譯：'")
    (tmp_path / "input.json").write_text(json.dumps([{"id": "a", "instruction": "不"}]))
    command = [sys.executable, PROGRAM, folder / "utils.py", tmp_path / "input.json", tmp_path / "out.json"]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == {
        "prompts": [{"id": "a", "prompt": "譯：不"}],
        "bnb_config": {"load_in_4bit": True, "bnb_4bit_compute_dtype": "(1+2j)"},
    }
