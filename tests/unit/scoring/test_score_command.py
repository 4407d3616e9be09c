"""`harness score` whole, with a real worker and a tiny base; its parts without torch are in tests/unit/cli."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.scoring.protocol import PromptedExample

pytestmark = pytest.mark.torch

MakeBase = Callable[..., Path]


@pytest.fixture
def references(examples: tuple[PromptedExample, ...], tmp_path: Path) -> Path:
    path = tmp_path / "references.json"
    path.write_text(json.dumps([{"id": one.id, "instruction": one.prompt, "output": one.output} for one in examples]))
    return path


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", "score", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_json_holds_base_and_adapter_and_a_refusal(
    make_base: MakeBase, adapter: Path, references: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "adapter_config.json").write_text("{}")
    (bad / "adapter_model.safetensors").write_bytes(b"")
    ended = run(adapter, bad, "--base-model", make_base(), "--references", references, "--format", "json")
    assert ended.returncode == 1, ended.stderr
    answer = json.loads(ended.stdout)
    base, good, refused = answer["results"]
    assert (answer["device"], base["model"], good["model"]) == ("cpu", "base model", str(adapter))
    assert good["score"]["base_perplexity"] == base["score"]["perplexity"] != good["score"]["perplexity"]
    assert sum(one["tokens"] for one in good["examples"]) == good["score"]["tokens"]
    message = "adapter_config.json does not describe a LoRA adapter (peft_type LORA)"
    assert refused == {"model": str(bad), "error": {"kind": "adapter", "message": message}}


def test_table_without_base(make_base: MakeBase, adapter: Path, references: Path) -> None:
    ended = run(adapter, "--base-model", make_base(), "--references", references, "--quantization", "none", "--no-base")
    assert ended.returncode == 0, ended.stderr
    assert "corpus PPL" in ended.stdout and "base model" not in ended.stdout


def test_base_that_cannot_be_loaded_ends_with_4(adapter: Path, references: Path, tmp_path: Path) -> None:
    ended = run(adapter, "--base-model", tmp_path, "--references", references)
    assert ended.returncode == 4
    assert "the scoring worker cannot work: the base model cannot be loaded" in ended.stderr
    assert "Traceback" not in ended.stderr
