"""Work and memory that a hostile file can cost the host are bounded."""

import json
import time

import pytest

from harness.intake.adapter.config import check_config
from harness.intake.shell import commands
from harness.model.assignment import AdapterRules
from harness.stages.predictions import check_predictions
from harness.stages.run import most_bytes

MOST_FINDINGS = 100


def test_joined_lines_take_linear_time() -> None:
    began = time.process_time()
    commands("a\\\n" * 20_000)
    assert time.process_time() - began < 1


def test_unknown_keys_of_the_config_are_counted_not_listed() -> None:
    rules = AdapterRules(path="adapter_checkpoint", max_bytes=1, max_rank=64, target_modules=("q_proj",))
    raw = {"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj"]}
    content = json.dumps(raw | {f"k{number}": True for number in range(50_000)}).encode()
    findings, config = check_config(content, rules=rules, base_name="Base")
    assert config is None
    assert 1 <= len(findings) <= MOST_FINDINGS


@pytest.mark.parametrize("row", [b"{},", b"[],", b'{"id":"a","output":"b"},'], ids=["objects", "lists", "rows"])
def test_predictions_with_far_too_many_rows_are_refused_soon(row: bytes) -> None:
    content = b"[" + row * ((most_bytes(1) - 100) // len(row)) + b'{"id":"a","output":"b"}]'
    began = time.process_time()
    findings, _ = check_predictions(content, wanted=["a"], quote=False)
    assert findings
    assert time.process_time() - began < 3
