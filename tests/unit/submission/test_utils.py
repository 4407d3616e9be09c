"""The two functions that the grader calls from submission/utils.py, loaded by path as the grader loads them."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

UTILS = Path(__file__).resolve().parents[3] / "submission" / "utils.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("student_utils", UTILS)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_prompt_holds_the_instruction_and_ends_with_the_answer_cue() -> None:
    prompt = load().get_prompt("  請翻譯成現代文：\n吾欲讀書。 ")
    assert prompt.endswith("題目：請翻譯成現代文：\n吾欲讀書。\n答：")
    assert prompt.startswith("你精通文言文與白話文。")


@pytest.mark.parametrize("odd", ["{instruction}", "{", "{0}", "%s", "\\1"])
def test_prompt_takes_braces_and_backslashes_as_they_are(odd: str) -> None:
    assert f"題目：{odd}\n" in load().get_prompt(odd)


def test_prompt_needs_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None;"
        "import runpy; print(runpy.run_path(sys.argv[1])['get_prompt']('x')[-5:])"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(UTILS)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "：x\n答：\n"), ran.stderr


@pytest.mark.torch
def test_quantisation_is_nf4_twice_with_bf16_arithmetic() -> None:
    import torch

    config = load().get_bnb_config()
    assert config.load_in_4bit and config.bnb_4bit_use_double_quant
    assert config.bnb_4bit_quant_type == "nf4"
    assert config.bnb_4bit_compute_dtype is torch.bfloat16
